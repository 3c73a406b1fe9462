import assert from "node:assert/strict";
import { type LineSink, LineWriter } from "./line_writer.ts";

/** Takes a few bytes at a time, once it is let. */
class Reader implements LineSink {
  text = "";
  #open = Promise.withResolvers<void>();

  async write(bytes: Uint8Array): Promise<number> {
    await this.#open.promise;
    const part = bytes.subarray(0, 1000);
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
  open(): void {
    this.#open.resolve();
  }
}

Deno.test("lines come out whole and in order, and whoever reads none of them holds nobody up", async () => {
  const reader = new Reader();
  const lost: number[] = [];
  const writer = new LineWriter(reader, (count) => lost.push(count));
  const line = (i: number) => `${i} ${"x".repeat(1000)}`;
  for (let i = 0; i < 5000; i++) writer.write(line(i));
  const startedMs = performance.now();
  await writer.flush(50);
  assert.ok(performance.now() - startedMs < 2000);
  assert.deepEqual([reader.text, lost], ["", []]);
  reader.open();
  await writer.flush(10_000);
  const lines = reader.text.split("\n").slice(0, -1);
  assert.deepEqual(lines, Array.from(lines, (_, i) => line(i)));
  assert.deepEqual(lost, [5000 - lines.length]);
  assert.ok(lines.length > 1000, `${lines.length} lines`);
  writer.write("after");
  await writer.flush(10_000);
  assert.ok(reader.text.endsWith("\nafter\n"));
});

Deno.test("lines that can't be written are given up", async () => {
  let tries = 0;
  const writer = new LineWriter({
    write: () => (tries++, Promise.reject(new Deno.errors.BrokenPipe("gone"))),
  }, () => assert.fail("nothing was lost for want of room"));
  writer.write("one");
  await writer.flush(1000);
  writer.write("two");
  await writer.flush(1000);
  assert.equal(tries, 2);
});
