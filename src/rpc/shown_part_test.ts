import assert from "node:assert/strict";
import {
  BLOCK_LAST,
  BLOCK_SORTED,
  EntryBlock,
  EntryBlockWriter,
  Kind,
} from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { ShownPart } from "./shown_part.ts";

function block(names: string, last = false, stagedSkipped = 0): EntryBlock {
  const writer = new EntryBlockWriter(8);
  for (const name of names) {
    writer.add({ name, kind: Kind.file, inode: BigInt(name.charCodeAt(0)) });
  }
  return new EntryBlock(
    writer.finish({ flags: BLOCK_SORTED | (last ? BLOCK_LAST : 0), stagedSkipped }),
  );
}

/** Names of what a listing shows behind what `shown` has noted; `!` for a listing that failed as changed. */
function listed(shown: ShownPart, ...blocks: EntryBlock[]): string {
  let names = "";
  for (const one of blocks) {
    const rest = shown.rest(one);
    if (rest === null) continue;
    if (rest.listStatus !== 0) return `${names}!${kindOfStatus(rest.listStatus)}`;
    for (let i = 0; i < rest.count; i++) names += rest.name(i);
    assert.equal(rest.last, one.last);
  }
  return names;
}

Deno.test("a listing that broke goes on behind what it had shown, wherever blocks end", () => {
  for (const again of [["abcd", "efgh"], ["ab", "cdefgh"], ["abc", "d", "efgh"], ["abcdefgh"]]) {
    const shown = new ShownPart();
    assert.equal(listed(shown, block("ab"), block("c")), "abc");
    shown.again();
    const blocks = again.map((names, i) => block(names, i === again.length - 1));
    assert.equal(listed(shown, ...blocks), "defgh", again.join());
  }
});

Deno.test("a listing that breaks twice, and at once, goes on each time", () => {
  const shown = new ShownPart();
  shown.again();
  assert.equal(listed(shown, block("ab")), "ab");
  shown.again();
  assert.equal(listed(shown, block("abc")), "c");
  shown.again();
  assert.equal(listed(shown, block("abcd", true)), "d");
  shown.again();
  assert.equal(listed(shown, block("abcd", true)), "");
});

Deno.test("what changed among the names that were shown ends the listing as changed", () => {
  for (const again of ["acd", "abbcd", "aacd", "d", "", "ab"]) {
    const shown = new ShownPart();
    listed(shown, block("abc"));
    shown.again();
    assert.equal(listed(shown, block(again, true)), "!changed", again);
    assert.equal(shown.hasEnded, true);
  }
});

Deno.test("staged entries are counted once however often a listing breaks", () => {
  const shown = new ShownPart();
  const first = shown.rest(block("ab", false, 2))!;
  shown.again();
  const second = shown.rest(block("abcd", true, 3))!;
  assert.equal(first.stagedSkipped + second.stagedSkipped, 3);
});
