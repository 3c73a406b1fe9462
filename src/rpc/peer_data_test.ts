import assert from "node:assert/strict";
import { EntryBlockWriter, Kind, NO_PARENT } from "../core/entry_block.ts";
import { Op, RESULT_BYTES } from "../core/work_batch.ts";
import { listingFromPeer, ranFromPeer, resultsFromPeer, statFromPeer } from "./peer_data.ts";

function block(...names: string[]): Uint8Array {
  const writer = new EntryBlockWriter(names.length);
  for (const name of names) writer.add({ name, kind: Kind.file, parent: NO_PARENT });
  return writer.finish();
}

const MISMATCH = { kind: "mismatch" };

Deno.test("a listing whose names lead elsewhere is refused", () => {
  assert.equal(listingFromPeer(block("a", "..b", "\xff"), "nas").count, 3);
  for (const name of ["", ".", "..", "a/b", "/etc", "a\0b"]) {
    assert.throws(
      () => listingFromPeer(block("fine", name), "nas"),
      MISMATCH,
      JSON.stringify(name),
    );
  }
});

Deno.test("an answer about other paths than those that were asked about is refused", () => {
  assert.equal(statFromPeer(block("a/b", ""), ["a/b", ""], "nas").count, 2);
  for (const names of [["a/b"], ["", "a/b"], ["a/b", "c"], ["a/b", "", "more"]]) {
    assert.throws(() => statFromPeer(block(...names), ["a/b", ""], "nas"), MISMATCH, names.join());
  }
});

Deno.test("more or fewer results than items are refused", () => {
  assert.equal(resultsFromPeer(new Uint8Array(2 * RESULT_BYTES), 2, "nas").count, 2);
  for (const bytes of [0, RESULT_BYTES, 2 * RESULT_BYTES + 1, 3 * RESULT_BYTES]) {
    assert.throws(() => resultsFromPeer(new Uint8Array(bytes), 2, "nas"), MISMATCH);
  }
});

Deno.test("a marker that is answered with nothing, or twice, is refused; a flush may say what it likes", () => {
  const items = { count: 1 };
  assert.equal(ranFromPeer(new Uint8Array(RESULT_BYTES), { op: Op.marker, items }, "nas").count, 1);
  for (const op of [Op.marker, Op.copy]) {
    for (const bytes of [0, RESULT_BYTES - 1, 2 * RESULT_BYTES]) {
      assert.throws(() => ranFromPeer(new Uint8Array(bytes), { op, items }, "nas"), MISMATCH);
    }
  }
  assert.equal(ranFromPeer(new Uint8Array(0), { op: Op.sync, items }, "nas").count, 0);
});
