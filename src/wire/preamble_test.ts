import assert from "node:assert/strict";
import { STATUS } from "../core/error.ts";
import { AnswerReader } from "./preamble.ts";

const YES = new Uint8Array([0x42, 0x4c, 0x49, 0x54, 1, 0, 0, 0]);

Deno.test("an answer is taken off the front, however it is cut", () => {
  const bytes = new Uint8Array([...YES, 7, 8, 9]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const reader = new AnswerReader();
    const rest: number[] = [];
    for (let at = 0; at < bytes.length; at += cut) {
      rest.push(...reader.take(bytes.subarray(at, at + cut)));
    }
    assert.deepEqual(rest, [7, 8, 9]);
  }
});

Deno.test("a refused stream fails as the daemon says; what is no answer is a mismatch", () => {
  const refused = YES.slice();
  refused[5] = STATUS.unauthenticated;
  assert.throws(() => new AnswerReader().take(refused), { kind: "unauthenticated" });
  const others = [
    new TextEncoder().encode("HTTP/1.1 400 Bad Request"),
    Uint8Array.from([...YES.subarray(0, 4), 2, 0, 0, 0]),
    Uint8Array.from([...YES.subarray(0, 7), 1]),
  ];
  for (const bytes of others) {
    assert.throws(() => new AnswerReader().take(bytes), { kind: "mismatch" });
  }
});
