/**
 * Many short sessions with one daemon: what they leave in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { transfer } from "../../src/app/transfer.ts";
import { defaultOptions } from "../../src/core/options.ts";
import { settled } from "../support/footprint.ts";
import { type Served, served, WAYS } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** Sessions of each kind: in full, and in the gate. */
const SESSIONS = {
  full: { warmUp: 20, done: 170, cancelled: 40, killed: 40, abreast: 8 },
  short: { warmUp: 4, done: 16, cancelled: 4, killed: 4, abreast: 4 },
};
/** Sessions at once. */
const LANES = 3;
/** What a daemon's memory may have grown by: less than one session's buffers. */
const MOST_GROWN_BYTES = 24 << 20;

/** Content that goes in a fraction of a second, and content that takes longer. */
const SMALL = "small", LARGE = "large";
const SMALL_FILES = 12;

export const sweep: Sweep = {
  name: "sessions",
  title:
    "sessions that end by themselves, by cancel and by SIGKILL of the client: the daemon has as many descriptors and threads " +
    "as before, and no more memory.",
  routes: ["push", "pull"],
  run: sessions,
};

async function sessions(context: Context): Promise<Counts> {
  const cases = new Cases(context);
  const { dir } = context;
  const plan = planOf(context);
  await served(dir, WAYS[0], async (there) => {
    for (const folder of [dir.path, there.folder]) {
      smallFiles(join(folder, SMALL), SMALL_FILES);
      smallFiles(join(folder, LARGE), 1500);
      randomFile(join(folder, LARGE, "file"), 64);
    }
    const scene = new Scene(context, there);
    await inLanes(plan.warmUp, () => scene.finish());
    await scene.cancel();
    await scene.kill(plan.abreast);
    const before = await settled(there.daemon.pid);
    const ended = { cancelled: 0, killed: 0 };
    await inLanes(plan.done, (i) =>
      cases.try("done", `done ${i}`, async () => {
        await scene.finish();
        return true;
      }));
    await inLanes(plan.cancelled, (i) =>
      cases.try("cancelled", `cancelled ${i}`, async () => {
        const isHit = await scene.cancel();
        if (isHit) ended.cancelled++;
        return isHit;
      }));
    for (let i = 0; i < plan.killed; i += plan.abreast) {
      await cases.try("killed", `killed ${i}`, async () => {
        const isHit = await scene.kill(plan.abreast);
        if (isHit) ended.killed += plan.abreast;
        return isHit;
      });
    }
    await cases.try("left", "left", async () => {
      const after = await settled(there.daemon.pid, before);
      const grown = after.residentBytes - before.residentBytes;
      const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      cases.note(
        `${plan.done} done, ${ended.cancelled} cancelled, ${ended.killed} killed; descriptors ${before.descriptors} to ` +
          `${after.descriptors}, threads ${before.threads} to ${after.threads}, memory ` +
          `${mib(before.residentBytes)} to ${mib(after.residentBytes)}`,
      );
      assert.ok(after.descriptors <= before.descriptors, "descriptors are left");
      assert.ok(
        after.threads <= before.threads,
        `threads are left: ${before.threadNames} before, ${after.threadNames} after`,
      );
      assert.ok(grown <= MOST_GROWN_BYTES, `the daemon's memory grew by ${mib(grown)}`);
      assert.doesNotMatch(there.daemon.stderr, /"level":"(error|fatal)"/);
      return true;
    });
  });
  return cases.counts();
}

/** How many sessions of each kind. */
function planOf({ short, part }: Context) {
  if (short) return SESSIONS.short;
  const { full } = SESSIONS;
  const of = (count: number) => Math.ceil(count * part);
  return { ...full, done: of(full.done), cancelled: of(full.cancelled), killed: of(full.killed) };
}

/** The sessions of one route. */
class Scene {
  readonly #context: Context;
  readonly #there: Served;
  #next = 0;

  constructor(context: Context, there: Served) {
    this.#context = context;
    this.#there = there;
  }

  /** One that ends by itself. */
  async finish(): Promise<void> {
    const { summary } = await this.#transfer(SMALL, new AbortController().signal);
    assert.equal(summary.outcome, "done");
    assert.equal(summary.filesTransferred, SMALL_FILES);
  }

  /** One that is cancelled while it moves content. @returns whether it was under way */
  async cancel(): Promise<boolean> {
    const abort = new AbortController();
    const { summary } = await this.#transfer(LARGE, abort.signal, () => abort.abort());
    return summary.outcome === "interrupted";
  }

  /** Several whose client is killed while they move content. @returns whether they were under way */
  async kill(abreast: number): Promise<boolean> {
    const [source, destination] = this.#places(LARGE, "k#");
    const client = new URL("./sessions_client.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", client, `${abreast}`, source, destination],
        this.#context.dir.configDir,
      ],
      env: { DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const said = child.stdout.getReader();
    const { done } = await said.read();
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended by itself before.
    }
    await said.cancel();
    const { code, signal } = await child.status;
    assert.ok(signal === "SIGKILL" || code === 0, `the client ended with ${signal ?? code}`);
    return !done && signal === "SIGKILL";
  }

  async #transfer(tree: string, signal: AbortSignal, onContent: () => void = () => {}) {
    const name = `${this.#next++}`;
    const [source, destination] = this.#places(tree, name);
    const result = await transfer({
      source,
      destination,
      options: defaultOptions("copy"),
      cwd: this.#context.dir.path,
      configDir: this.#context.dir.configDir,
      signal,
      listener: (event) => {
        if (event.type === "progress" && event.bytesDone > 0) onContent();
      },
    });
    const folder = this.#context.route === "push" ? this.#there.folder : this.#context.dir.path;
    await Deno.remove(join(folder, `to-${name}`), { recursive: true });
    return result;
  }

  #places(tree: string, name: string): [source: string, destination: string] {
    const here = this.#context.dir.path, there = `${this.#there.host}:/m`;
    return this.#context.route === "push"
      ? [`${join(here, tree)}/`, `${there}/to-${name}`]
      : [`${there}/${tree}/`, join(here, `to-${name}`)];
  }
}

/** Does something so many times, some of it at once. */
async function inLanes(times: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
