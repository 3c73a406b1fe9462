/**
 * Hostile clients: generated sequences of calls, streams and records, legal and illegal, at a live daemon.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { rawClient } from "../remote/daemon_support.ts";
import { CALL_STEPS } from "../support/call_steps.ts";
import { PLANTED, PLANTED_LINKS } from "../support/hostile_paths.ts";
import { BEGINNING, SESSION_STEPS } from "../support/session_steps.ts";
import { type Footprint, footprint, settled } from "../support/footprint.ts";
import { until } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, sh } from "../support/loop_fs.ts";
import { Expected, type Peer, type Step } from "../support/protocol_model.ts";
import { type Served, served, WAYS } from "../support/served.ts";
import { streamSteps } from "../support/stream_steps.ts";
import { Outside } from "../support/swapper.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

const FULL = 3000, SHORT = 25;
/** Steps of one sequence. */
const LONGEST = 24;
/** How long the shortest sequence that fails is looked for. */
const SHRINK_MS = 30_000;

/** Sequences of a client. */
export const sweep: Sweep = {
  name: "clients",
  title:
    "generated sequences of a client, legal and illegal (calls out of order, ended sessions, hostile paths, batches without sense, tokens used twice, forged, cut, records altered, left out, doubled, too long, half), " +
    "at a live daemon: each step is served or refused as a model says, records as the receiver in TypeScript judges them; the module holds what the model says and nothing staged, nothing outside is touched (inotify), " +
    "no session, stream or descriptor is left, and the next client is served",
  routes: ["push", "pull"],
  run: clients,
};

async function clients(context: Context): Promise<Counts> {
  need(needsRoot() ?? needsPrograms("perl", "find"));
  if (Deno.build.arch !== "x86_64") need("system calls are known by number for x86_64");
  const cases = new Cases(context);
  const { dir, short, part, seed, route } = context;
  const outside = new Outside(dir.path);
  const folder = join(dir.path, "module");
  const modules = ["m", "ro"].map((name) => ({ name, path: folder, readOnly: name === "ro" }));
  const config = { modules, limits: { idleSeconds: 60 } };
  await served(dir, WAYS[0], async (there) => {
    const scene = new Scene(there, folder);
    await scene.play([]);
    scene.before = await settled(there.daemon.pid);
    const put = route === "push" ? "put" : "get";
    const sequences = sequencesOf([...SESSION_STEPS, ...CALL_STEPS, ...streamSteps(put)]);
    const count = short ? SHORT : Math.ceil(FULL * part);
    const touched = await outside.whileWatched(async (soFar) => {
      for (let i = 0; i < count; i++) {
        await cases.try("sequence", `sequence ${i}`, async () => {
          await holds(sequences, seed * FULL + i, async (sequence) => {
            const before = soFar();
            await scene.play(sequence);
            assert.equal(soFar().slice(before.length), "", "something happened outside");
          });
          return true;
        });
      }
    });
    await cases.try("outside", "outside", () => {
      assert.equal(touched, "", "something happened outside");
      return Promise.resolve(true);
    });
    cases.note(`${scene.served} steps served, ${scene.refused} refused`);
  }, { folder, config });
  return cases.counts();
}

/** Sequences of these steps, most of them behind a legal beginning. */
function sequencesOf(steps: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<readonly Step[]> {
  const further = fc.array(fc.oneof(...steps), { minLength: 4, maxLength: LONGEST, size: "max" });
  return fc.tuple(fc.constantFrom(3, 3, 3, 2, 1, 0), fc.tuple(...BEGINNING), further)
    .map(([begun, beginning, rest]) => [...beginning.slice(0, begun), ...rest]);
}

/** Tries one generated sequence; where it fails, the shortest that fails likewise is what is told. */
async function holds(
  sequences: fc.Arbitrary<readonly Step[]>,
  seed: number,
  play: (sequence: readonly Step[]) => Promise<void>,
): Promise<void> {
  const limits = { numRuns: 1, interruptAfterTimeLimit: SHRINK_MS };
  const property = fc.asyncProperty(sequences, play);
  const { failed, counterexample, errorInstance } = await fc.check(property, { seed, ...limits });
  if (!failed) return;
  const said = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  throw new TypeError(`${said} (after ${counterexample?.[0].map(String).join("; ")})`);
}

/** A daemon, and the sequences that it sees. */
class Scene {
  readonly #there: Served;
  readonly #folder: string;
  before: Footprint | null = null;
  served = 0;
  refused = 0;

  constructor(there: Served, folder: string) {
    this.#there = there;
    this.#folder = folder;
  }

  /** Plays one sequence and judges what is left of it. */
  async play(sequence: Iterable<Step>): Promise<void> {
    this.#plant();
    const { ready, pid } = this.#there.daemon;
    const connect = () => rawClient(ready, null);
    const client = connect();
    const planted = new Map(Object.entries(PLANTED));
    const peer: Peer = { client, connect, dataPort: ready.data_port, links: [], planted };
    const model = new Expected();
    try {
      await fc.asyncModelRun(() => ({ model, real: peer }), sequence);
    } finally {
      for (const link of peer.links) link.close();
      // Half of the sequences end in good order.
      if (model.sessions.length % 2 === 0) {
        await Promise.all(model.sessions.map(({ isLive, raw }) => isLive ? raw.close() : null));
      }
      peer.client.close();
      this.served += model.served;
      this.refused += model.refused;
    }
    await this.#serveNext();
    const { before } = this;
    if (before) {
      await until(() => {
        const { descriptors, threads } = footprint(pid);
        return descriptors <= before.descriptors && threads <= before.threads;
      });
    }
    assert.doesNotMatch(this.#there.daemon.stderr, /"level":"(error|fatal)"/);
    this.#judge(model);
  }

  /** The next client gets what it asks for, and sees that no session is left. */
  async #serveNext(): Promise<void> {
    const client = rawClient(this.#there.daemon.ready, null);
    try {
      const session = await client.openRoot({ module: "m" });
      await until(async () => {
        const { jobs } = await client.jobs.list({});
        return jobs.filter(({ state }) => state === "running").length === 1;
      });
      await session.close();
    } finally {
      client.close();
    }
  }

  #plant(): void {
    sh(`rm -rf "$0"/* "$0"/.blit-*`, this.#folder);
    for (const [path, text] of Object.entries(PLANTED)) {
      const whole = join(this.#folder, path);
      if (text === null) Deno.mkdirSync(whole);
      else Deno.writeTextFileSync(whole, text);
    }
    for (const [path, leadsTo] of Object.entries(PLANTED_LINKS)) {
      const to = leadsTo === "outside" ? join(this.#folder, "../outside") : leadsTo;
      Deno.symlinkSync(to, join(this.#folder, path));
    }
  }

  /** The module holds what the model says. */
  #judge(model: Expected): void {
    const found = new Map<string, string | null>();
    const visit = (prefix: string) => {
      for (const entry of Deno.readDirSync(join(this.#folder, prefix))) {
        const path = prefix + entry.name;
        const whole = join(this.#folder, path);
        if (entry.isDirectory) {
          found.set(path, null);
          visit(`${path}/`);
        } else if (entry.isSymlink) found.set(path, `-> ${Deno.readLinkSync(whole)}`);
        else found.set(path, entry.isFile ? Deno.readTextFileSync(whole) : "fifo");
      }
    };
    visit("");
    for (const path of Object.keys(PLANTED_LINKS)) found.delete(path);
    const must = new Map([...Object.entries(PLANTED), ...model.files]);
    for (const [path, text] of must) {
      assert.ok(found.has(path), `${path} is missing`);
      assert.equal(found.get(path), text, `content of ${path}`);
    }
    for (const [path, text] of found) {
      if (must.has(path)) continue;
      assert.ok(model.maybe.has(path), `${path} came from nowhere`);
      assert.equal(text, model.maybe.get(path), `content of ${path}`);
    }
  }
}
