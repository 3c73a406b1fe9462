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
import { Cases, ROUTES, type Sweep } from "./sweep.ts";

const FULL = { flips: 200, files: 20_000, largeMiB: 100 };
const SHORT = { flips: 2, files: 500, largeMiB: 4 };

/** A file with its size, and where its bytes begin if all files stood in one row. */
interface Stretch {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** Flipped bits, found and mended. */
export const sweep: Sweep = {
  name: "flips",
  title:
    "one bit is flipped anywhere in a large tree, on either side, times left as they were: check ends with 1 and names that file and no other, mirror without --checksum leaves it, mirror --checksum copies that file alone, and check ends with 0",
  routes: ROUTES,
  run: async (context) => {
    const { dir, route, random } = context;
    const cases = new Cases(context);
    const size = context.short ? SHORT : FULL;
    const [source, copy] = [join(dir.path, "src"), join(dir.path, "dst")];
    smallFiles(source, size.files);
    randomFile(join(source, "large"), size.largeMiB);
    sh(
      `truncate -s 20M "$0"; printf data | dd of="$0" bs=1 seek=9M conv=notrunc status=none`,
      join(source, "sparse"),
    );
    sh(`cp -a --sparse=always "$0" "$1"`, source, copy);
    const stretches = stretchesOf(source);
    const total = stretches.reduce((sum, { size }) => sum + size, 0);
    const flips = async (from: string, to: string, blit: (...args: string[]) => Promise<Ran>) => {
      for (let i = 0; i < size.flips; i++) {
        const at = Math.floor(random() * total);
        const stretch = i % 4 === 1
          ? stretches[Math.floor(random() * stretches.length)]
          : stretches.findLast(({ start }) => start <= at)!;
        // Every fourth flip is at the edge of what is hashed at once.
        const offset = i % 4 === 3 && stretch.size > 2 ** 20
          ? edgeIn(stretch.size, random())
          : Math.floor(random() * stretch.size);
        const side = i % 8 < 6 ? copy : source;
        const bit = Math.floor(random() * 8);
        const where = `${i}: bit ${bit} of byte ${offset} of ${stretch.path}`;
        await cases.try(side === copy ? "at the destination" : "in the source", where, async () => {
          flip(join(side, stretch.path), offset, bit);
          const found = await blit("check", "--json", from, to);
          assertStatus(found, 1);
          assert.equal(found.json().differences, 1);
          const said = await blit("check", from, to);
          assert.ok(said.stdout.includes(stretch.path), said.stdout);
          assertStatus(await blit("mirror", "--yes", from, to), 0);
          assertStatus(await blit("check", "-q", from, to), 1);
          const mended = await blit("mirror", "--yes", "--json", "--checksum", from, to);
          assertStatus(mended, 0);
          assert.equal(mended.json().files_transferred, 1);
          assertStatus(await blit("check", "-q", from, to), 0);
          return true;
        });
      }
    };
    if (route === "local") await flips("src/", "dst", (...args) => dir.blit(...args));
    else {
      await served(
        dir,
        WAYS[0],
        ({ host, blit }) =>
          route === "push"
            ? flips("src/", `${host}:/m/dst`, blit)
            : flips(`${host}:/m/src/`, "dst", blit),
        { folder: dir.path },
      );
    }
    await cases.try("at the end", "the trees are equal", () => {
      assertRsyncFindsNothing(source, copy);
      return Promise.resolve(true);
    });
    cases.note(`${stretches.length} files with ${Math.round(total / 2 ** 20)} MiB`);
    return cases.counts();
  },
};

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

/** Flips a bit; no time that a comparison looks at changes. */
function flip(path: string, offset: number, bit: number): void {
  const time = sh(`stat -c %y "$0"`, path).trim();
  using file = Deno.openSync(path, { read: true, write: true });
  const byte = new Uint8Array(1);
  file.seekSync(offset, Deno.SeekMode.Start);
  assert.equal(file.readSync(byte), 1);
  byte[0] ^= 1 << bit;
  file.seekSync(offset, Deno.SeekMode.Start);
  assert.equal(file.writeSync(byte), 1);
  sh(`touch -d "$1" "$0"`, path, time);
}
