/**
 * One flipped bit anywhere in a large tree: `check` names the file, `--checksum` mends it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran } from "../support/cli.ts";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";
import { Cases, type Context, type Counts, ROUTES, type Sweep } from "./sweep.ts";

/** Rounds, and the most bits that are flipped in each, every one in a file of its own. */
const FULL = { rounds: 24, bits: 16, files: 20_000, largeMiB: 256 };
const SHORT = { rounds: 2, bits: 1, files: 500, largeMiB: 4 };

/** A file with its size, and where its bytes begin if all files stood in one row. */
interface Stretch {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** A bit of a file. */
interface Bit {
  readonly path: string;
  readonly offset: number;
  readonly bit: number;
  readonly side: "source" | "destination";
}

/** Flipped bits, found and mended. */
export const sweep: Sweep = {
  name: "flips",
  title:
    "bits are flipped anywhere in a large tree, one or some at once, each in a file of its own, on either side, times left as they were: check ends with 1 and names those files and no other, mirror without --checksum leaves them, mirror --checksum copies those files alone, and check ends with 0",
  routes: ROUTES,
  run: async (context) => {
    const { dir, route, short, part } = context;
    const size = short ? SHORT : FULL;
    const [source, destination] = [join(dir.path, "src"), join(dir.path, "dst")];
    smallFiles(source, size.files);
    for (const name of ["large", "d00000/large"]) randomFile(join(source, name), size.largeMiB);
    sh(
      `truncate -s 20M "$0"; printf data | dd of="$0" bs=1 seek=9M conv=notrunc status=none`,
      join(source, "sparse"),
    );
    sh(`cp -a --sparse=always "$0" "$1"`, source, destination);
    const flips = new Flips(context, { source, destination });
    const rounds = Math.ceil(size.rounds * part);
    if (route === "local") {
      return await flips.run(rounds, size.bits, (...args) => dir.blit(...args, "src/", "dst"));
    }
    let counts: Counts;
    await served(dir, WAYS[0], async ({ host, blit }) => {
      const words = route === "push" ? ["src/", `${host}:/m/dst`] : [`${host}:/m/src/`, "dst"];
      counts = await flips.run(rounds, size.bits, (...args) => blit(...args, ...words));
    }, { folder: dir.path });
    return counts!;
  },
};

/** Rounds of flips in two trees that are the same. */
class Flips {
  readonly #context: Context;
  readonly #trees: { readonly source: string; readonly destination: string };
  readonly #stretches: readonly Stretch[];
  /** Content of all files, bytes. */
  readonly #total: number;
  /** How many bits there were so far, which says what kind the next one is. */
  #chosen = 0;

  constructor(context: Context, trees: { readonly source: string; readonly destination: string }) {
    this.#context = context;
    this.#trees = trees;
    this.#stretches = stretchesOf(trees.source);
    this.#total = this.#stretches.reduce((sum, { size }) => sum + size, 0);
  }

  /** @param blit runs a verb with options between the two trees */
  async run(
    rounds: number,
    most: number,
    blit: (...args: string[]) => Promise<Ran>,
  ): Promise<Counts> {
    const { source, destination } = this.#trees;
    const cases = new Cases(this.#context);
    let there = 0, here = 0;
    for (let i = 0; i < rounds; i++) {
      const bits = this.#choose(1 + Math.floor(this.#context.random() * most));
      await cases.try("rounds", `round ${i}`, async () => {
        await this.#round(bits, blit);
        here += bits.filter(({ side }) => side === "source").length;
        there += bits.filter(({ side }) => side === "destination").length;
        return true;
      });
    }
    await cases.try("at the end", "the trees are equal", () => {
      assertRsyncFindsNothing(source, destination);
      return Promise.resolve(true);
    });
    cases.note(`bits: ${there} at the destination, ${here} in the source`);
    cases.note(`${this.#stretches.length} files with ${Math.round(this.#total / 2 ** 20)} MiB`);
    return cases.counts();
  }

  async #round(bits: readonly Bit[], blit: (...args: string[]) => Promise<Ran>): Promise<void> {
    const paths = bits.map(({ path }) => path).sort();
    for (const { side, path, offset, bit } of bits) {
      flip(join(this.#trees[side], path), offset, bit);
    }
    const found = await blit("check", "--json", "-p");
    assertStatus(found, 1);
    assert.deepEqual([found.json().differences, itemsOf(found)], [paths.length, paths]);
    const blind = await blit("mirror", "--yes", "--json");
    assertStatus(blind, 0);
    assert.equal(blind.json().files_transferred, 0);
    assert.ok(bits.every((bit) => this.#isDifferent(bit)), "it was mended without --checksum");
    const mended = await blit("mirror", "--yes", "--json", "-p", "-v", "--checksum");
    assertStatus(mended, 0);
    assert.deepEqual([mended.json().files_transferred, itemsOf(mended)], [paths.length, paths]);
    assert.ok(!bits.some((bit) => this.#isDifferent(bit)), "it is still there");
    assertStatus(await blit("check", "-q"), 0);
  }

  /** Chooses bits of different files. */
  #choose(count: number): Bit[] {
    const { random } = this.#context;
    const bits = new Map<string, Bit>();
    while (bits.size < count) {
      const i = this.#chosen++;
      const at = Math.floor(random() * this.#total);
      // Most bits are in the large files, so every second one is in any file.
      const { path, size } = i % 2 === 1
        ? this.#stretches[Math.floor(random() * this.#stretches.length)]
        : this.#stretches.findLast(({ start }) => start <= at)!;
      // Every second flip in a large file is at the edge of what is hashed at once.
      const offset = i % 4 === 2 && size > 2 ** 20
        ? edgeIn(size, random())
        : Math.floor(random() * size);
      const side = i % 8 < 6 ? "destination" : "source";
      const bit = Math.floor(random() * 8);
      if (!bits.has(path)) bits.set(path, { path, offset, bit, side });
    }
    return [...bits.values()];
  }

  #isDifferent({ path, offset }: Bit): boolean {
    const { source, destination } = this.#trees;
    return byteAt(join(source, path), offset) !== byteAt(join(destination, path), offset);
  }
}

/** Paths whose content differs, as events said. */
function itemsOf({ stderr }: Ran): string[] {
  const events = stderr.trim().split("\n").map((line) => JSON.parse(line));
  return events.filter(({ type }) => type === "item").map(({ path }) => path).sort();
}

function stretchesOf(folder: string): Stretch[] {
  let start = 0;
  const lines = sh(`find "$0" -type f -size +0c -printf '%P\\t%s\\n' | sort`, folder).trim();
  return lines.split("\n").map((line) => {
    const [path, size] = line.split("\t");
    const stretch = { path, start, size: Number(size) };
    start += stretch.size;
    return stretch;
  });
}

/** The first or last byte of the file, or of a MiB of it. */
function edgeIn(size: number, random: number): number {
  const edges = Math.floor(size / 2 ** 20) * 2;
  const edge = Math.floor(random * edges);
  const mebibyte = Math.floor(edge / 2) * 2 ** 20;
  return edge % 2 === 0 ? mebibyte : mebibyte + 2 ** 20 - 1;
}

function byteAt(path: string, offset: number): number {
  using file = Deno.openSync(path);
  const byte = new Uint8Array(1);
  file.seekSync(offset, Deno.SeekMode.Start);
  assert.equal(file.readSync(byte), 1);
  return byte[0];
}

/** Flips a bit; no time that a comparison looks at changes. */
function flip(path: string, offset: number, bit: number): void {
  const time = sh(`stat -c %y "$0"`, path).trim();
  const flipped = Uint8Array.of(byteAt(path, offset) ^ 1 << bit);
  using file = Deno.openSync(path, { write: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  assert.equal(file.writeSync(flipped), 1);
  sh(`touch -d "$1" "$0"`, path, time);
}
