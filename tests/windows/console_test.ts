/**
 * The command on a console of Windows that somebody types into: wine's, which a terminal of Linux shows. `main.ts` says how
 * wine is started; where this is Windows nothing here can type.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";

/** How the command is started there, and a folder of both sides. */
interface WinePlace {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder's path on this side, and on the other. */
  readonly folder: string;
  readonly path: string;
}

const CONSOLE_MS = 120_000;

/** What a console showed, and the status of the command's end. */
interface Shown {
  readonly text: string;
  readonly status: number;
}

/** Runs the command on a console; types `answer` once `prompt` has shown. */
async function onConsole(
  place: WinePlace,
  typed: { readonly prompt: RegExp; readonly answer: string },
  ...args: string[]
): Promise<Shown> {
  const words = ["run", "-A", "--no-check", "--cached-only", "Z:/blit/cli.ts", ...args];
  const command = [place.program, ...place.args, ...words]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  // Wine's console takes the terminal over only when something is read, which is after the question has shown: an Enter
  // that was typed in between would come as Ctrl-J, and end nothing.
  const ready = `stty -icrnl -icanon -echo && exec ${command}`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--echo", "never", "--command", ready, "/dev/null"],
    env: { ...place.env, NO_COLOR: "", TERM: "xterm" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const deadline = setTimeout(() => child.kill("SIGKILL"), CONSOLE_MS);
  const writer = child.stdin.getWriter();
  let text = "", hasTyped = false;
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (hasTyped || !typed.prompt.test(text)) continue;
    hasTyped = true;
    await writer.write(new TextEncoder().encode(typed.answer));
  }
  const { code } = await child.status;
  clearTimeout(deadline);
  await writer.close().catch(() => {});
  assert.ok(hasTyped, text);
  return { text, status: code };
}

/** Registers a test where `main.ts` says how wine is started: elsewhere it is not one of those that could run. */
function consoleTest(name: string, test: (place: WinePlace) => Promise<void>): void {
  const told = Deno.env.get("BLIT_TEST_WINE") ?? "";
  if (told === "") return;
  testOrSkip(`on a console of Windows, ${name}`, async () => {
    need(needsPrograms("script", "stty"));
    const base: WinePlace = JSON.parse(told);
    const id = crypto.randomUUID();
    const folder = join(base.folder, id);
    await Deno.mkdir(folder);
    try {
      await test({ ...base, folder, path: `${base.path}\\${id}` });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const QUESTION = { prompt: /\[y\/N\]/ };

async function mirrored(place: WinePlace, answer: string): Promise<Shown> {
  const { folder, path } = place;
  for (const name of ["src", "dst"]) await Deno.mkdir(join(folder, name));
  await Deno.writeTextFile(join(folder, "src", "f"), "1");
  await Deno.writeTextFile(join(folder, "dst", "old"), "1");
  return await onConsole(
    place,
    { ...QUESTION, answer },
    ...["mirror", "--config-dir", `${path}\\config`, `${path}\\src\\`, `${path}\\dst`],
  );
}

async function names(place: WinePlace, folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(place.folder, folder)));
  return entries.map(({ name }) => name).sort();
}

consoleTest("a mirror asks, and y lets it delete", async (place) => {
  const { text, status } = await mirrored(place, "y\r");
  assert.match(text, /Copied 1 file \(1 B\) in .*1 deleted/, text);
  assert.equal(status, 0);
  assert.deepEqual(await names(place, "dst"), ["f"]);
});

consoleTest("anything but y changes nothing", async (place) => {
  const { text, status } = await mirrored(place, "n\r");
  assert.match(text, /Nothing was changed/, text);
  assert.equal(status, 1);
  assert.deepEqual(await names(place, "dst"), ["old"]);
});

consoleTest("Ctrl-C at the question ends it", async (place) => {
  const { text, status } = await mirrored(place, "\x03");
  assert.match(text, /Stopping\. Ctrl-C again|Interrupted/, text);
  assert.equal(status, 130);
  assert.deepEqual(await names(place, "dst"), ["old"]);
});

consoleTest(
  "progress is drawn, Ctrl-C ends the copy, and the next run finishes it",
  async (place) => {
    const { folder, path } = place;
    await Deno.mkdir(join(folder, "src"));
    for (const name of ["a", "b", "c"]) {
      const file = await Deno.open(join(folder, "src", name), { write: true, create: true });
      // Random, or there is nothing to write.
      for (let mib = 0; mib < 256; mib++) {
        const piece = new Uint8Array(1 << 20);
        for (let at = 0; at < piece.length; at += 65536) {
          crypto.getRandomValues(
            piece.subarray(at, at + 65536),
          );
        }
        await file.write(piece);
      }
      file.close();
    }
    const words = ["copy", "--config-dir", `${path}\\config`, `${path}\\src\\`, `${path}\\dst`];
    const { text, status } = await onConsole(
      place,
      { prompt: /Copying\s.*% .*of/, answer: "\x03" },
      ...words,
    );
    assert.match(text, /Stopping\. Ctrl-C again/, text);
    assert.equal(status, 130, text);
    const child = new Deno.Command(place.program, {
      args: [...place.args, "run", "-A", "--no-check", "--cached-only", "Z:/blit/cli.ts", ...words],
      env: place.env,
    });
    assert.equal((await child.output()).code, 0);
    assert.deepEqual(await names(place, "dst"), ["a", "b", "c"]);
  },
);
