/**
 * Hostile clients: generated sequences of calls, streams and records, legal and illegal, at a live daemon.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { CALL_STEPS } from "../support/call_steps.ts";
import { GRANT_STEPS } from "../support/grant_steps.ts";
import { need, needsPrograms, needsRoot } from "../support/loop_fs.ts";
import type { Step } from "../support/protocol_model.ts";
import { served, type Way, WAYS } from "../support/served.ts";
import { BEGINNING, SESSION_STEPS } from "../support/session_steps.ts";
import { streamSteps } from "../support/stream_steps.ts";
import { Outside } from "../support/swapper.ts";
import { ClientsScene } from "./clients_scene.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** Sequences at a plain daemon, and at one with TLS, users and their rights. */
const FULL = { plain: 2000, TLS: 1000 }, SHORT = { plain: 14, TLS: 9 };
/** Steps of one sequence. */
const LONGEST = 24;
/** How long the shortest sequence that fails is looked for. */
const SHRINK_MS = 30_000;

/** Sequences of a client. */
export const sweep: Sweep = {
  name: "clients",
  title:
    "generated sequences of clients, legal and illegal (calls out of order, ended sessions, other users' sessions, more than one's rights, hostile paths, batches without sense, one-time tokens and read grants used twice, forged, cut, too old, by others, records altered, left out, doubled, too long, half), " +
    "at a live daemon without and with TLS, where users may do everything, read and write, read, or nothing: each step is served or refused as a model says, records as the receiver in TypeScript judges them; the module holds what the model says and nothing staged, nothing outside is touched (inotify, fanotify), " +
    "no session, stream or descriptor is left, and the next client is served",
  routes: ["push", "pull"],
  run: clients,
};

async function clients(context: Context): Promise<Counts> {
  need(needsRoot() ?? needsPrograms("perl", "find"));
  if (Deno.build.arch !== "x86_64") need("system calls are known by number for x86_64");
  const cases = new Cases(context);
  const { dir } = context;
  const outside = new Outside(dir.path);
  const seen = new Map<string, number>();
  const steps = { served: 0, refused: 0 };
  const touched = await outside.whileWatched(async (soFar) => {
    for (const [kind, way] of [["plain", WAYS[0]], ["TLS", WAYS[1]]] as const) {
      const scene = await sequences(context, { cases, kind, way, soFar });
      steps.served += scene.served;
      steps.refused += scene.refused;
      for (const [why, count] of scene.seen) seen.set(why, (seen.get(why) ?? 0) + count);
    }
  });
  await cases.try("outside", "outside", () => {
    assert.equal(touched, "", "something happened outside");
    return Promise.resolve(true);
  });
  cases.note(`${steps.served} steps served, ${steps.refused} refused`);
  const counted = [...seen].sort(([a], [b]) => a < b ? -1 : 1).map(([why, n]) => `${why} ${n}`);
  cases.note(`of the refused: ${counted.join(", ")}`);
  return cases.counts();
}

/** The sequences of one kind of daemon. */
async function sequences(
  { dir, short, part, seed, route }: Context,
  { cases, kind, way, soFar }: {
    readonly cases: Cases;
    readonly kind: "plain" | "TLS";
    readonly way: Way;
    /** What happened outside up to now. */
    readonly soFar: () => string;
  },
): Promise<ClientsScene> {
  const folder = join(dir.path, "module");
  const modules = ["m", "ro"].map((name) => ({ name, path: folder, readOnly: name === "ro" }));
  const config = { modules, limits: { idleSeconds: 60 } };
  let scene: ClientsScene | undefined;
  await served(dir, way, async (there) => {
    const told = scene = await ClientsScene.of(there, folder, dir.path);
    const put = route === "push" ? "put" : "get";
    const generated = sequencesOf([
      ...[...SESSION_STEPS, ...CALL_STEPS],
      ...[...GRANT_STEPS, ...streamSteps(put)],
    ]);
    const count = short ? SHORT[kind] : Math.ceil(FULL[kind] * part);
    for (let i = 0; i < count; i++) {
      await cases.try(kind, `${kind} ${i}`, async () => {
        await holds(generated, seed * (FULL.plain + FULL.TLS) + i, async (sequence) => {
          const before = soFar();
          await told.play(sequence);
          assert.equal(soFar().slice(before.length), "", "something happened outside");
        });
        return true;
      });
    }
    if (short) return;
    await cases.try("old tokens", `old tokens, ${kind}`, async () => {
      await told.useExpired();
      return true;
    });
    if (kind === "plain") return;
    await cases.try("forged logins", "forged logins", async () => {
      await told.forgeLogins();
      return true;
    });
  }, { folder, config });
  return scene!;
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
