/**
 * Hostile daemons: generated lies in the answers of a daemon, to a live client.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { assertNothingStaged } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { type Lie, lie, LyingDaemon } from "../support/lying_daemon.ts";
import { served, WAYS } from "../support/served.ts";
import { contents, smallFiles } from "../support/trees.ts";
import { assertClear, assertDone, assertSame, type Ended, transferred } from "./together_client.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

const FULL = 1500, SHORT = 20;
const MOST_LIES = 3;
/** How long a client may take to notice. */
const LONGEST_MS = 60_000;
/** Every so many cases the command runs in a process of its own, for what it prints. */
const COMMAND_EVERY = 25;

/** Lies to a client. */
export const sweep: Sweep = {
  name: "daemons",
  title:
    "generated lies of a daemon to a live client (names with .. and NUL, absolute ones, folders nobody asked for, sizes, kinds, times, blocks and results without sense, records altered, left out, doubled, too long, half, tokens and ports that are none, errors, goodbye in the middle): " +
    "the client ends in time, right or with an error that names path or peer and no stack trace; every file has the content of its source or isn't there, nothing beside the destination is touched, the source of a push stays as it is, no descriptor is left, and the next run with an honest daemon makes the trees equal",
  routes: ["push", "pull"],
  run: daemons,
};

async function daemons(context: Context): Promise<Counts> {
  const cases = new Cases(context);
  const { dir, short, part, seed, route } = context;
  const isPull = route === "pull";
  const count = short ? SHORT : Math.ceil(FULL * part);
  const plans = fc.record({
    lies: fc.array(lie, { minLength: 1, maxLength: MOST_LIES }),
    forceControlPlane: fc.boolean(),
  });
  await served(dir, WAYS[0], async (there) => {
    const [sources, targets] = isPull ? [there.folder, dir.path] : [dir.path, there.folder];
    smallFiles(join(sources, "src"), 24, 8);
    sh(`head -c 3000000 /dev/urandom > "$0/src/large"; ln -s f1 "$0/src/d00000/link"`, sources);
    sh(`mkdir "$0/near"; echo canary > "$0/near/canary"`, targets);
    const [source, dst] = [join(sources, "src"), join(targets, "near", "dst")];
    const wanted = await contents(source);
    const around = () => lookAround(join(targets, "near"), isPull ? dir.path : source);
    const lying = await LyingDaemon.before(there.daemon.ready);
    try {
      const words = (port: number): [string, string] =>
        isPull
          ? [`127.0.0.1:${port}:/m/src/`, dst]
          : [`${source}/`, `127.0.0.1:${port}:/m/near/dst`];
      const { configDir } = dir;
      const copy = (port: number, forceControlPlane = false) => {
        const [from, to] = words(port);
        const request = { source: from, destination: to, configDir, forceControlPlane };
        return transferred({ ...request, mode: "copy" });
      };
      await copy(lying.port);
      const descriptors = openDescriptors();
      const before = around();
      for (const [i, plan] of fc.sample(plans, { numRuns: count, seed }).entries()) {
        await cases.try(kindOf(plan.lies), `daemon ${i}`, async () => {
          const told = fc.stringify(plan);
          try {
            sh(`rm -rf "$0"`, dst);
            if (i % 3 === 0) sh(`cp -a "$0" "$1"; echo old > "$1/d00001/f9"`, source, dst);
            lying.tell(plan.lies);
            if (i % COMMAND_EVERY === COMMAND_EVERY - 1) {
              const ran = await dir.blit("copy", ...words(lying.port));
              assert.doesNotMatch(ran.stderr, /^\s+at |bug in blit|Internal error/m);
              assert.ok(!ran.stderr.includes("\x07"), "it prints what the daemon says as it came");
              // A daemon may say that its administrator has cancelled it.
              const allowed = /^error: /m.test(ran.stderr) ? [0, 1, 2, 130] : [0, 1, 2];
              assert.ok(allowed.includes(ran.status), `it ended with ${ran.status}: ${ran.stderr}`);
              assert.ok(ran.status === 0 || ran.stderr.trim() !== "", "it says nothing");
            } else assertClear(await inTime(copy(lying.port, plan.forceControlPlane)));
            const isHit = lying.told > 0;
            lying.tell([]);
            await assertContents(dst, wanted!);
            assert.equal(around(), before, "something beside the destination has changed");
            assertDone(await copy(there.daemon.ready.port));
            const found = await contents(dst);
            for (const path of found!.keys()) if (!wanted!.has(path)) found!.delete(path);
            assertSame(wanted, found);
            assertNothingStaged(dst);
            return isHit;
          } catch (error) {
            throw new TypeError(`${told}: ${error instanceof Error ? error.message : error}`);
          }
        });
      }
      await cases.try("left", "left", async () => {
        await copy(there.daemon.ready.port);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const after = openDescriptors();
        assert.ok(after <= descriptors + 8, `${descriptors} descriptors became ${after}`);
        return true;
      });
    } finally {
      await lying.close();
    }
  });
  return cases.counts();
}

/** What a plan is counted under: what its first lie is about. */
function kindOf([first]: readonly Lie[]): string {
  return first.about;
}

async function inTime(work: Promise<Ended>): Promise<Ended> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TypeError("the client didn't end")), LONGEST_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Each file of a known name has its source's content, or the one from before. */
async function assertContents(
  dst: string,
  wanted: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [path, digest] of await contents(dst) ?? []) {
    if (/(^|\/)\.blit-/.test(path) || path === "d00001/f9") continue;
    const should = wanted.get(path);
    // Under another name it may be, but it is one of them.
    if (should === undefined) assert.ok([...wanted.values()].includes(digest), `${path} is a mix`);
    else assert.equal(digest, should, `content of ${path}`);
  }
}

/** What lies beside the destination, and the trees that nobody may change. */
function lookAround(near: string, fixed: string): string {
  const evil = ["/tmp/blit-evil", join(near, "../evil")].filter((path) => {
    try {
      Deno.lstatSync(path);
      return true;
    } catch {
      return false;
    }
  });
  const listed = sh(
    `cat "$0/canary"; find "$0" -maxdepth 1 ! -name dst ! -path "$0" -printf '%p %s %m %T@\\n' | sort
    find "$1" -path "$1/near/dst" -prune -o ! -name near -printf '%p %s %m %i\\n' | sort`,
    near,
    fixed,
  );
  return `${listed} ${evil.join(" ")}`;
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
