/**
 * System calls that fail: each call that a mirror makes on its trees, at its 1st, 2nd, 10th and 100th time in a thread.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Scratch } from "../support/cli.ts";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { assertOldOrNew, differing } from "../support/kills.ts";
import { EVERY_FS, need, needsPrograms, onMount, sh } from "../support/loop_fs.ts";
import { SHORT_COUNT, SHORTENED } from "../support/short_counts.ts";
import { type Call, readCalls } from "../support/strace.ts";
import { type Followed, isRunning, type Side, SIDES, Trees } from "./followed.ts";
import { onRoute, type Places } from "./places.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** Calls that Deno makes, too: only those on the trees' own paths are followed. */
const SHARED_CALLS = [
  ...["openat", "statx", "readlink", "lseek", "ioctl", "fcntl", "ftruncate", "pread64"],
];
/** Calls that only the library makes on files, on staged ones with names that nobody knows before, too. */
const OWN_CALLS = [
  ...["openat2", "getdents64", "pwrite64", "copy_file_range", "sendfile", "splice"],
  ...["renameat", "renameat2", "linkat", "symlinkat", "mknodat", "mkdirat", "unlinkat"],
  ...["utimensat", "fchmod", "fchown", "fchownat", "flistxattr", "fgetxattr", "fsetxattr"],
  ...["flock", "fstatfs", "readlinkat", "fallocate", "fsync", "fdatasync", "syncfs", "fadvise64"],
  "sync_file_range",
];
/** Calls on the connections between the two sides. */
const SOCKET_CALLS = [
  ...["socket", "connect", "accept4", "shutdown", "setsockopt", "getsockopt", "getpeername"],
  ...["sendto", "recvfrom", "sendmsg", "recvmsg", "writev", "ppoll"],
];
const EFFECTS = ["ENOSPC", "EIO", "EACCES", "EINTR", "EMFILE"].map((error) => `error=${error}`);
/** A call that moved nothing. */
const NOTHING = "retval=0";
/** Not so a listing: that ended early then. */
const MOVING =
  /^(pread64|pwrite64|copy_file_range|sendfile|splice|sendto|recvfrom|sendmsg|recvmsg|writev)$/;
const NUMBERS = [1, 2, 10, 100];
/** Which thread makes which call differs from run to run: a case that missed is tried again. */
const TRIES = 3;
/** Cases of the gate's selection on each route. */
const SHORT = 5;
const MIRROR = ["mirror", "--yes", "--max-delete=all", "--json", "--fsync"];

interface Fault {
  readonly side: Side;
  readonly call: string;
  readonly number: number;
  readonly effect: string;
  readonly paths: readonly string[];
}

class Faults {
  readonly #context: Context;
  readonly #trees: Trees;
  readonly #cases: Cases;
  readonly #folder: string;
  #withoutPath = 0;

  constructor(context: Context, dir: Scratch, places: Places, cases: Cases) {
    this.#context = context;
    this.#trees = new Trees(dir, places);
    this.#cases = cases;
    this.#folder = dir.path;
  }

  async run(): Promise<void> {
    need(needsPrograms("setfattr"));
    await this.#trees.prepare((folder) => {
      differing(folder, 10);
      sh(WITH_EVERY_CALL, folder);
    });
    const sides = this.#trees.places.there ? SIDES : ["command"] as const;
    const all: Fault[] = [];
    for (const side of sides) all.push(...await this.#record(side));
    const { short, part, random } = this.#context;
    const share = short ? SHORT / all.length : part;
    for (const fault of all) {
      if (this.#context.only === undefined && random() >= share) continue;
      const { side, call, number, effect } = fault;
      await this.#cases.try(side, `${side}:${call}:${number}:${effect}`, async () => {
        for (let i = 0; i < TRIES; i++) if (await this.#case(fault)) return true;
        return false;
      });
    }
    this.#cases.note(`errors without a path: ${this.#withoutPath}`);
  }

  /** Every fault that a plain run could meet. */
  async #record(side: Side): Promise<Fault[]> {
    const { source, destination, there } = this.#trees.places;
    const paths = sh(`find "$0" "$1" -print0`, source, destination).split("\0").filter(Boolean);
    const faults: Fault[] = [];
    const kinds = [
      { calls: SHARED_CALLS, paths },
      { calls: there ? [...OWN_CALLS, ...SOCKET_CALLS] : OWN_CALLS, paths: [] },
    ];
    for (const { calls, paths } of kinds) {
      const ran = await this.#trees.follow({ side, calls: calls.join(","), paths }, MIRROR);
      assertStatus(ran, 0);
      this.#trees.reset();
      const made = Map.groupBy(readCalls(ran.log), ({ name }) => name);
      for (const [call, all] of made) {
        const ours = all.filter((one) => this.#isOurs(one));
        for (const number of numbersOf(ours, all)) {
          for (const effect of effectsOn(call)) faults.push({ side, call, number, effect, paths });
        }
        if (!SHORTENED.includes(call)) continue;
        // Whoever makes these counts ours alone.
        const most = Math.max(
          0,
          ...Map.groupBy(ours, ({ thread }) => thread).values().map((of) => of.length),
        );
        for (const number of NUMBERS.filter((one) => one <= most)) {
          faults.push({ side, call, number, effect: SHORT_COUNT, paths });
        }
      }
    }
    return faults;
  }

  /** Whether a call lies under the trees, or on a connection between the sides. */
  #isOurs({ name, text }: Call): boolean {
    // The library looks with one whether the kernel has it; Deno makes none.
    if (name === "openat2") return true;
    const { source, destination, there } = this.#trees.places;
    if ([source, destination].some((tree) => text.includes(tree))) return true;
    if (!there) return false;
    // A command connects to nobody but the daemon.
    if (name === "socket") return text.includes("AF_INET");
    const { port, data_port } = there.daemon.ready;
    // The control port's connections are accepted by Deno, not by the library.
    const ports = name === "accept4" ? [data_port] : [port, data_port];
    return ports.some((port) => text.includes(`:${port}`) || text.includes(`htons(${port})`));
  }

  async #case({ side, call, number, effect, paths }: Fault): Promise<boolean> {
    const { places } = this.#trees;
    const injection = { call, number, effect };
    try {
      const ran = await this.#trees.follow({ side, calls: call, injection, paths }, MIRROR);
      const injected = readCalls(ran.log).filter(({ isInjected }) => isInjected);
      if (injected.length === 0 || !injected.every((made) => this.#isOurs(made))) return false;
      const where = injected.map(({ text }) => text.slice(0, 300)).join("\n    ");
      assert.ok(!ran.hung, `it hangs after ${where}`);
      try {
        await this.#judge(ran);
      } catch (error) {
        // What came of it must not meet the next case.
        await places.there?.daemon.stop("SIGKILL");
        throw new TypeError(`${where}\n    ${(error as Error).message}`);
      }
      return true;
    } finally {
      if (places.there && !isRunning(places.there.daemon.pid)) await places.there.start();
      this.#trees.reset();
    }
  }

  async #judge(ran: Followed): Promise<void> {
    const { source, destination, words, blit, there } = this.#trees.places;
    if (there) assert.ok(isRunning(there.daemon.pid), `the daemon ended: ${there.daemon.stderr}`);
    if (ran.status !== 0) {
      assert.ok(ran.status === 1 || ran.status === 2, `exit ${ran.status}: ${ran.stderr}`);
      const { error, failures = [] } = ran.json();
      const messages = [...error ? [error] : [], ...failures].map(({ message }) => message);
      assert.ok(messages.length > 0, "it failed without an error");
      for (const message of messages) {
        // A connection's place is its path.
        if (/"[^"]+"/.test(message) || there && message.includes(there.host)) continue;
        this.#withoutPath++;
        assert.fail(`an error without a path: ${message}`);
      }
      await assertOldOrNew(destination, this.#trees.before, this.#trees.source);
      assertStatus(await blit("mirror", "--yes", "--max-delete=all", ...words), 0);
    }
    // What the file system doesn't take of attributes is a warning by contract, not a failure.
    const warnings: string[] = ran.status === 0 ? ran.json().warnings : [];
    const isLess = warnings.some((text) => text.includes("extended attributes"));
    assertRsyncFindsNothing(source, destination, ...isLess ? ["--no-xattrs", "--no-acls"] : []);
    assertNothingStaged(this.#folder);
  }
}

function effectsOn(call: string): string[] {
  // Nothing but a signal ever ends it early.
  if (call === "ppoll") return ["error=EINTR"];
  return MOVING.test(call) ? [...EFFECTS, NOTHING] : EFFECTS;
}

/** The next to each of {@link NUMBERS} at which a thread makes one of ours, and none another one, which would fail, too. */
function numbersOf(ours: readonly Call[], all: readonly Call[]): Set<number> {
  const good = new Set(ours.map(({ number }) => number));
  for (const one of all) if (!ours.includes(one)) good.delete(one.number);
  const sorted = [...good].sort((a, b) => a - b);
  const next = NUMBERS.map((least) => sorted.find((number) => number >= least));
  return new Set(next.filter((number) => number !== undefined));
}

/** What {@link differing} lacks of the calls: holes, attributes, a changed link, folders in folders. */
const WITH_EVERY_CALL = `set -e; cd "$0/src"
  truncate -s 8M sparse; printf x | dd of=sparse bs=1 seek=4000000 conv=notrunc status=none
  setfattr -n user.note -v x d00000/f1; setfattr -n user.note -v x new; chown 1234:5678 d00000/f2
  mkdir -p deep/a/b/c; echo x > deep/a/b/c/d
  ln -s new d00020/link; ln -s old ../dst/d00020/link`;

/** The sweep. */
export const sweep: Sweep = {
  name: "calls",
  title:
    "system calls that fail with ENOSPC, EIO, EACCES, EINTR or EMFILE, or move nothing or less than asked for, at about the 1st, 2nd, 10th " +
    "and 100th call of a thread, on each side: the error is reported with its path and the exit status isn't 0, or the " +
    "trees are equal.",
  routes: ["local", "push", "pull"],
  async run(context): Promise<Counts> {
    const cases = new Cases(context);
    await onMount(EVERY_FS[0], context.dir, async (dir) => {
      await onRoute(context.route, dir, (places) => new Faults(context, dir, places, cases).run());
    });
    return cases.counts();
  },
};
