/**
 * Thousands of short sessions with one daemon: what they leave in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { collected, type Footprint, type Held, settled } from "../support/footprint.ts";
import { freePort } from "../support/free_port.ts";
import { assertNothingStaged, until } from "../support/judges.ts";
import { type Served, served, type Way, WAYS } from "../support/served.ts";
import { ABREAST, Scene } from "./sessions_scene.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** Kinds of sessions. A client that is killed has several. */
const KINDS = [
  "this way",
  "the other way",
  "check",
  "ls",
  "cancelled",
  "cancelled at the control port",
  "killed",
  "refused",
  "process",
] as const;
type KindOfSession = typeof KINDS[number];

/** Sessions of each kind with one daemon: 2,000, and in the gate some of each. */
const SESSIONS: Record<"full" | "short", Readonly<Record<KindOfSession, number>>> = {
  full: {
    "this way": 900,
    "the other way": 400,
    check: 200,
    ls: 200,
    cancelled: 80,
    "cancelled at the control port": 40,
    killed: 80,
    refused: 60,
    process: 40,
  },
  short: {
    "this way": 10,
    "the other way": 5,
    check: 4,
    ls: 4,
    cancelled: 2,
    "cancelled at the control port": 1,
    killed: ABREAST,
    refused: 2,
    process: 1,
  },
};

/** Part of the sessions after which the daemon is looked at for the first time: it has met everything by then. */
const FIRST = 0.1;
/**
 * Pushes that are cut off at the control port before the first look: of the last few Deno 2.9 keeps what came and nobody
 * read, 4 MiB each and 25 MiB in all, so that a first look before them would take that for a leak.
 */
const CUT_OFF = 16;
/** How often it is looked at from then on. */
const LOOKS = 4;
/** Sessions at once. */
const LANES = 4;
/** What a daemon may hold more, after the garbage is collected, than at the first look. */
const MOST_HEAP_BYTES = 2 << 20, MOST_RESIDENT_BYTES = 24 << 20;

export const sweep: Sweep = {
  name: "sessions",
  title:
    "sessions with one daemon, plain and TLS, four and more at once: push, pull, check, ls, cancelled (also with their content at the control port), refused (a wrong token; without TLS an unknown module), and " +
    "with a client that is killed, in any order. After a tenth of them and then four times, when it is quiet: the daemon has " +
    "no session, no connection, no more descriptors and threads than at the first look, at most 2 MiB more on its heap and " +
    "24 MiB more resident once both gave back what nothing holds, and nothing staged is left.",
  routes: ["push", "pull"],
  run: sessions,
};

async function sessions(context: Context): Promise<Counts> {
  const cases = new Cases(context);
  const [plain, secure] = WAYS;
  // The gate's two routes have one way each.
  const short = context.route === "push" ? [plain] : [secure];
  for (const way of context.short ? short : [plain, secure]) await soak(context, cases, way);
  return cases.counts();
}

/** What a daemon is like between sessions. */
interface Look extends Footprint {
  readonly held: Held;
  readonly sessions: number;
}

/** All sessions with one daemon. */
async function soak(context: Context, cases: Cases, way: Way): Promise<void> {
  const { dir } = context;
  const heldFile = join(dir.path, "held");
  const metrics = `127.0.0.1:${freePort()}`;
  const test = async (there: Served) => {
    const scene = new Scene(context, there);
    const queue = queueOf(context);
    const looks: Look[] = [];
    let done = 0;
    const cutOff = new Array(context.short || context.only !== undefined ? 0 : CUT_OFF).fill(0);
    await inLanes(cutOff, async () => void await scene.cancel("push", true));
    for (const next of looksAt(queue.length)) {
      await inLanes(queue.slice(done, next), async (kind, i) => {
        const name = `${way.transport} ${kind} ${done + i}`;
        await cases.try(kind, name, () => session(scene, kind, context.route === "push"));
      });
      done = next;
      await cases.try("looks", `${way.transport} look ${looks.length}`, async () => {
        const sessions = await openSessions(metrics);
        const quiet = await settled(there.daemon.pid, looks[0]);
        const held = await collected(there.daemon.pid, heldFile);
        looks.push({ ...quiet, held, sessions });
        judge(looks);
        assertNothingStaged(dir.path, there.folder);
        assert.doesNotMatch(there.daemon.stderr, /"level":"(error|fatal)"/);
        return true;
      });
    }
    cases.note(notedOf(way, looks));
  };
  await served(dir, way, test, { config: { metrics }, daemon: { heldFile } });
}

async function session(scene: Scene, kind: KindOfSession, isPush: boolean): Promise<boolean> {
  const direction = isPush ? "push" : "pull";
  switch (kind) {
    case "this way":
      return await scene.finish(direction);
    case "the other way":
      return await scene.finish(isPush ? "pull" : "push");
    case "check":
      return await scene.check();
    case "ls":
      return await scene.list();
    case "cancelled":
      return await scene.cancel(direction);
    case "cancelled at the control port":
      return await scene.cancel(direction, true);
    case "killed":
      return await scene.kill(direction);
    case "refused":
      return await scene.refuse(direction);
    case "process":
      return await scene.command(direction);
  }
}

/** The sessions in the order in which they begin; a client that is killed stands for its sessions. */
function queueOf({ short, part, random }: Context): KindOfSession[] {
  const plan = SESSIONS[short ? "short" : "full"];
  const queue = KINDS.flatMap((kind) => {
    const count = Math.ceil(plan[kind] * part / (kind === "killed" ? ABREAST : 1));
    return new Array<KindOfSession>(count).fill(kind);
  });
  for (let i = queue.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [queue[i], queue[j]] = [queue[j], queue[i]];
  }
  return queue;
}

/** After how many of `count` the daemon is looked at. */
function looksAt(count: number): number[] {
  const first = Math.ceil(count * FIRST);
  return Array.from(
    { length: LOOKS + 1 },
    (_, i) => first + Math.round((count - first) * i / LOOKS),
  );
}

function judge(looks: readonly Look[]): void {
  const [first, last] = [looks[0], looks.at(-1)!];
  const more = (bytes: (look: Look) => number) => bytes(last) - bytes(first);
  assert.equal(last.sessions, 0, "sessions are left");
  assert.ok(last.descriptors <= first.descriptors, "descriptors are left");
  assert.ok(
    last.threads <= first.threads,
    `threads are left: ${first.threadNames} at first, ${last.threadNames} now`,
  );
  const heap = more(({ held }) => held.heapBytes),
    resident = more(({ held }) => held.residentBytes);
  assert.ok(heap <= MOST_HEAP_BYTES, `the daemon's heap grew by ${heap} bytes`);
  assert.ok(
    resident <= MOST_RESIDENT_BYTES,
    `the daemon's memory grew by ${resident} bytes: ${first.held.mappings} at first, ${last.held.mappings} now`,
  );
}

function notedOf({ name }: Way, looks: readonly Look[]): string {
  const all = (value: (look: Look) => number) => looks.map((look) => value(look)).join(" ");
  const mib = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
  return `${name}: descriptors ${all((look) => look.descriptors)}, threads ${
    all((look) => look.threads)
  }, heap ${all(({ held }) => mib(held.heapBytes))} of ${
    all(({ held }) => mib(held.heapSizeBytes))
  } MiB, given out by malloc ${all(({ held }) => mib(held.givenBytes))} MiB, resident ${
    all(({ held }) => mib(held.residentBytes))
  } MiB`;
}

/** Sessions and connections that the daemon counts, once what has ended is counted off. */
async function openSessions(metrics: string): Promise<number> {
  // A connection that is kept would be one of the daemon's descriptors.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  let open = NaN;
  await until(async () => {
    const text = await (await fetch(`http://${metrics}/metrics`, { client })).text();
    const [sessions, connections] = ["blit_sessions", "blit_connections"].map((name) =>
      Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1])
    );
    open = sessions + connections;
    return open === 0;
  }).catch(() => {});
  return open;
}

/** Does something with each item, some at once. */
async function inLanes<T>(
  items: readonly T[],
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  const lane = async () => {
    for (const [i, item] of left) await work(item, i);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
