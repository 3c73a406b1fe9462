/**
 * Disks that fill up: out of bytes, out of inodes, out of quota, with room for some part of the source.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { CannotRun, type FsKind, need, needsPrograms, onMount, sh } from "../support/loop_fs.ts";
import { assertMoved, assertNothingLost } from "../support/moves.ts";
import { contents, randomFile, smallFiles } from "../support/trees.ts";
import { onRoute, type Places } from "./places.ts";
import { Cases, type Context, type Counts, type Route, type Sweep } from "./sweep.ts";

/** What there is too little of, and how it is taken and given back. */
interface Lack {
  readonly what: string;
  readonly fs: FsKind;
  /** Routes on which the gate tries it. */
  readonly gate?: readonly Route[];
  /** Whether the file system says beforehand what is left. */
  readonly isKnown: boolean;
  /** Small files, and files of 5 MiB. */
  readonly source: readonly [small: number, large: number];
  /** A bash script that leaves room for `$1` inodes or MiB in the file system `$0`, whose folder `$0/work` is used. */
  readonly take: string;
  readonly give: string;
}

const BYTES = {
  isKnown: true,
  source: [300, 4],
  take: `set -e; sync -f "$0"; free=$(df --output=avail -B1 "$0" | tail -1)
    fallocate -l $((free - $1 * 1048576)) "$0/ballast"; sync -f "$0"`,
  give: `rm "$0/ballast"; sync -f "$0"`,
} as const;
const INODES = {
  isKnown: true,
  source: [900, 0],
  take: `set -e; mkdir "$0/ballast"; cd "$0/ballast"; free=$(df --output=iavail "$0" | tail -1)
    seq $((free - $1 * 50)) | xargs touch`,
  give: `rm -r "$0/ballast"; sync -f "$0"`,
} as const;

/** MiB of room, of 21 that are needed; inodes in fifties, of 900. */
const MOST_ROOM = 15;
const LACKS: readonly Lack[] = [
  {
    what: "bytes",
    fs: { type: "tmpfs", sizeMiB: 60 },
    gate: ["local", "push", "pull"],
    ...BYTES,
  },
  { what: "bytes", fs: { type: "ext4", sizeMiB: 80 }, gate: ["local"], ...BYTES },
  { what: "bytes", fs: { type: "xfs", sizeMiB: 320 }, ...BYTES },
  // Its room for data is handed out in chunks: what it says is left may not be there.
  { what: "bytes", fs: { type: "btrfs", sizeMiB: 320 }, ...BYTES, isKnown: false },
  {
    what: "inodes",
    fs: { type: "tmpfs", sizeMiB: 60, inodes: 1200 },
    gate: ["push", "pull"],
    ...INODES,
  },
  { what: "inodes", fs: { type: "ext4", sizeMiB: 80, inodes: 1200 }, gate: ["local"], ...INODES },
  // Inodes are made as they are needed, in as many bytes as mkfs allows them. btrfs has no number of them.
  { what: "inodes", fs: { type: "xfs", sizeMiB: 320, inodes: 6000 }, ...INODES },
  {
    what: "quota",
    fs: { type: "btrfs", sizeMiB: 320 },
    isKnown: false,
    source: [300, 4],
    take: `set -e; btrfs quota enable "$0"; mv "$0/work" "$0/old"
      btrfs subvolume create "$0/work"; cp -a "$0/old/." "$0/work"; rm -r "$0/old"; sync -f "$0"
      btrfs quota rescan -w "$0"; btrfs qgroup limit "$1M" "$0/work"; sync -f "$0"`,
    give: `btrfs qgroup limit none "$0/work"`,
  },
  {
    what: "quota",
    fs: { type: "xfs", sizeMiB: 320, options: "prjquota" },
    isKnown: true,
    source: [300, 4],
    take: `xfs_quota -x -c "project -s -p $0/work 42" -c "limit -p bhard=$1m 42" "$0"`,
    give: `xfs_quota -x -c "limit -p bhard=0 42" "$0"`,
  },
];

const MIRROR = ["mirror", "--yes", "--max-delete=all"];
const MOVE = ["move", "--yes"];
/** What fills the disk, and how often on each. */
const VERBS = [{ name: "", args: MIRROR, times: 6 }, { name: "move, ", args: MOVE, times: 2 }];
type Verb = typeof VERBS[number];

class Full {
  readonly #context: Context;
  readonly #cases: Cases;

  constructor(context: Context, cases: Cases) {
    this.#context = context;
    this.#cases = cases;
  }

  async run(): Promise<void> {
    const { route, short, part, random } = this.#context;
    for (const verb of VERBS) {
      for (const lack of LACKS) {
        if (short && !isInGate(lack, verb, route)) continue;
        const kind = `${verb.name}${lack.what} on ${lack.fs.type}`;
        for (let i = 0; i < (short ? 1 : Math.ceil(verb.times * part)); i++) {
          const room = 1 + Math.floor(random() * MOST_ROOM);
          const name = `${verb.name}${lack.fs.type}:${lack.what}:${room}`;
          try {
            await this.#cases.try(kind, name, () => this.#mounted(lack, verb, room));
          } catch (error) {
            // Not every kernel has every kind of quota.
            if (!(error instanceof CannotRun) || lack.what !== "quota") throw error;
            this.#cases.note(`${kind} can't be made here`);
            break;
          }
        }
      }
    }
  }

  async #mounted(lack: Lack, verb: Verb, room: number): Promise<boolean> {
    const { route, dir } = this.#context;
    if (lack.what === "quota") need(needsPrograms("xfs_quota", "btrfs"));
    const near = await Deno.makeTempDir({ dir: dir.path });
    try {
      await onMount(lack.fs, dir, async (on, mountPoint) => {
        const options = { source: near, destination: on.path };
        // Before anything holds the folder: a quota may make it anew.
        sh(lack.take, mountPoint, `${room}`);
        const work = (places: Places) => this.#case(places, { lack, verb, on, mountPoint });
        await onRoute(route, dir, work, options);
      });
    } finally {
      await Deno.remove(near, { recursive: true });
    }
    return true;
  }

  async #case(places: Places, { lack, verb, on, mountPoint }: Filled): Promise<void> {
    const { source, destination, words, blit } = places;
    const [small, large] = lack.source;
    const moves = verb.args === MOVE;
    smallFiles(source, small);
    for (let i = 0; i < large; i++) randomFile(join(source, `large${i}`), 5);
    sh(`mkdir -p "$0"; echo old > "$0/large0"; echo x > "$0/extraneous"`, destination);
    if (moves) sh(`cp -a "$0" "$0.first"`, source);
    const [wanted, before] = [(await contents(source))!, (await contents(destination))!];
    const ran = await blit(...verb.args, "--json", ...words);
    assertStatus(ran, 1);
    const { error, warnings } = ran.json();
    const full =
      /Cannot [\w ]+ "[^"]+".*(No space left on device|Disk quota exceeded).*[A-Z].*\.$/s;
    assert.match(error.message, full);
    if (lack.isKnown) {
      assert.ok(
        warnings.some((text: string) => text.startsWith("Not everything will fit")),
        "it didn't warn",
      );
    }
    // A move's marker stays: it tells the next run that folders may not have their times yet.
    const marker = moves ? ".blit-*-0" : "";
    const staged = sh(`find "$0" -name '.blit-*' ! -name "$1"`, on.path, marker);
    assert.equal(staged, "");
    const found = (await contents(destination))!;
    assert.ok(found.has("extraneous"), "copying failed: nothing may be deleted");
    for (const [path, digest] of found) {
      if (path === "extraneous" || moves && /^\.blit-\w+-0$/.test(path)) continue;
      const isOld = path === "large0" && digest === OLD;
      if (!isOld) assert.equal(digest, wanted.get(path), `${path} is cut short`);
    }
    if (moves) await assertNothingLost(wanted, source, destination);
    sh(lack.give, mountPoint);
    assertStatus(await blit(...verb.args, ...words), 0);
    if (moves) await assertMoved(`${source}.first`, source, destination, before);
    else assertRsyncFindsNothing(source, destination);
    assertNothingStaged(on.path);
  }
}

/** One case: what fills which disk. */
interface Filled {
  readonly lack: Lack;
  readonly verb: Verb;
  readonly on: Scratch;
  readonly mountPoint: string;
}

/** In the gate a move fills the first disk only: what it copies goes as a mirror's. */
function isInGate(lack: Lack, verb: Verb, route: Route): boolean {
  if (verb.args === MOVE) return lack === LACKS[0] && route === "local";
  return lack.gate?.includes(route) ?? false;
}

/** SHA-256 of what `large0` held before. */
const OLD = new Uint8Array(
  await crypto.subtle.digest("SHA-256", new TextEncoder().encode("old\n")),
).toHex();

/** The sweep. */
export const sweep: Sweep = {
  name: "full",
  title:
    "a destination that runs out of bytes, inodes or quota: the run warns beforehand where the file system tells, " +
    "fails, leaves no short file under its name, and finishes once there is room; a move has taken nothing away that isn't whole there.",
  routes: ["local", "push", "pull"],
  async run(context): Promise<Counts> {
    const cases = new Cases(context);
    await new Full(context, cases).run();
    return cases.counts();
  },
};
