/**
 * How many round trips a transfer takes: on a far link nothing else costs a small one its time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { rememberHost } from "../../src/app/hosts.ts";
import { transfer } from "../../src/app/transfer.ts";
import { defaultOptions, type Mode } from "../../src/core/options.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { moduleOf } from "../../src/daemon/config_parse.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import { acquireTrees } from "../../src/app/open.ts";
import { Rounds } from "../support/rounds.ts";
import { smallFiles } from "../support/trees.ts";

/** Runs a transfer over a link that counts, with a folder on either side. */
async function counted(
  mode: Mode,
  make: (near: string, far: string) => void,
  words: (module: string) => readonly [source: string, destination: string],
  workers?: number,
): Promise<Rounds> {
  const base = Deno.makeTempDirSync({ prefix: "blit-trips-" });
  const [near, far] = [join(base, "near"), join(base, "far")];
  for (const folder of [near, far]) Deno.mkdirSync(folder);
  make(near, far);
  const trees = await acquireTrees();
  const link = new Rounds();
  let ports = { control: 0, data: 0 };
  const control = await link.listen("control", () => ports.control);
  const data = await link.listen("data", () => ports.data);
  const daemon = await startDaemon({
    ...DEFAULTS,
    bind: "127.0.0.1",
    port: 0,
    dataPort: 0,
    advertisedDataPort: data,
    discovery: false,
    modules: [moduleOf({ name: "m", path: far })],
  }, { stateFolder: join(base, "state"), pool: trees.pool! });
  ports = { control: daemon.port, data: daemon.dataPort };
  try {
    rememberHost(join(base, "config"), `127.0.0.1:${control}`, { kind: "plain" });
    const [source, destination] = words(`127.0.0.1:${control}:/m/`);
    const { summary } = await transfer({
      source,
      destination,
      options: { ...defaultOptions(mode), workers },
      cwd: near,
      configDir: join(base, "config"),
    });
    assert.equal(summary.outcome, "done", JSON.stringify(summary));
  } finally {
    await link.close();
    await daemon.stop();
    await trees.release();
    Deno.removeSync(base, { recursive: true });
  }
  return link;
}

/** Some runs, since a busy machine may fall silent in the middle of what it says: the best one counts. */
const TRIES = 4;

/** Fails where no run waits at most so often. */
async function assertTrips(most: number, ...run: Parameters<typeof counted>): Promise<void> {
  const logs: string[] = [];
  for (let i = 0; i < TRIES; i++) {
    const link = await counted(...run);
    if (link.trips <= most) return;
    logs.push(`${link.trips} round trips:\n${link.log.join("\n")}`);
  }
  assert.fail(logs.join("\n\n"));
}

Deno.test("a push of a folder takes at most so many round trips", async () => {
  await assertTrips(
    7,
    "mirror",
    (near) => smallFiles(join(near, "src"), 40),
    (module) => ["src/", `${module}dst`],
  );
});

Deno.test("a push of one file takes at most so many round trips", async () => {
  await assertTrips(
    6,
    "copy",
    (near) => Deno.writeTextFileSync(join(near, "file"), "content"),
    (module) => ["file", `${module}file`],
  );
});

Deno.test("a pull of a folder takes at most so many round trips", async () => {
  await assertTrips(
    9,
    "mirror",
    (_near, far) => smallFiles(join(far, "src"), 40),
    (module) => [`${module}src/`, "dst"],
  );
});

/** Files of a batch, where nothing is known of what they cost. */
const BATCH_FILES = 1000;

Deno.test("a stream takes the next batch while the results of one are on their way", async () => {
  const files = 3 * BATCH_FILES;
  const logs: string[] = [];
  for (let i = 0; i < TRIES; i++) {
    const link = await counted(
      "mirror",
      (near) => smallFiles(join(near, "src"), files),
      (module) => ["src/", `${module}dst`],
      1,
    );
    const sent = link.log.map((line) =>
      [...line.matchAll(/data: (\d+) from the client/g)].reduce((sum, [, n]) => sum + Number(n), 0)
    );
    const perFile = sent.reduce((sum, bytes) => sum + bytes, 0) / files;
    const most = Math.max(...sent) / perFile;
    if (most > 1.4 * BATCH_FILES) return;
    logs.push(`at most ${most} files at once:\n${link.log.join("\n")}`);
  }
  assert.fail(logs.join("\n\n"));
});
