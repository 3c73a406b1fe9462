import assert from "node:assert/strict";
import type { RelPath } from "../../core/rel_path.ts";
import { MemoryTree } from "../../tree/memory.ts";
import { ListAhead, type ListAnswer, type ListTask } from "./list_ahead.ts";

const TREE = {
  "a/": null,
  "a/1/": null,
  "a/1/x": "1",
  "a/2/": null,
  "a/2/y": "1",
  "b/": null,
  "b/3/": null,
  "f": "1",
} as const;

function tree(): MemoryTree {
  return MemoryTree.of(TREE);
}

const task = (path: RelPath, more: Partial<ListTask> = {}): ListTask => ({
  path,
  sorted: true,
  staged: false,
  ahead: true,
  ...more,
});

/** Takes what a List call answers. */
class Taker {
  readonly listings: ListAhead;
  readonly #answers: AsyncGenerator<readonly ListAnswer[]>;
  #pending: Promise<IteratorResult<readonly ListAnswer[]>> | null = null;

  constructor(listings: ListAhead) {
    this.listings = listings;
    this.#answers = listings.answers();
  }

  /** Everything until no more comes for a moment. */
  async all(): Promise<ListAnswer[]> {
    const found: ListAnswer[] = [];
    for (;;) {
      const next = this.#pending ??= this.#answers.next();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const idle = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), 50));
      const step = await Promise.race([next, idle]).finally(() => clearTimeout(timer));
      if (step === null) return found;
      this.#pending = null;
      if (step.done) return found;
      found.push(...step.value);
    }
  }

  /** Ends the call. */
  async finish(): Promise<void> {
    this.listings.endRequests();
    await this.all();
    assert.equal((await this.#answers.next()).done, true);
  }
}

function taker(windowBytes: number): Taker {
  return new Taker(new ListAhead(tree(), windowBytes));
}

const told = (answers: ListAnswer[]) => answers.map(({ task, ahead }) => [task.path, ahead]);

Deno.test("what is below a listed directory is read ahead, depth first", async () => {
  const calls = taker(1 << 20);
  calls.listings.ask([task("")], 0);
  const answers = told(await calls.all());
  assert.deepEqual(answers[0], ["", false]);
  assert.deepEqual(
    answers.slice(1).sort(),
    ["a", "a/1", "a/2", "b", "b/3"].map((path) => [path, true]),
  );
  await calls.finish();
});

Deno.test("nothing is read ahead unasked, or past the window", async () => {
  for (const [window, ahead] of [[0, true], [1 << 20, false]] as const) {
    const calls = taker(window);
    calls.listings.ask([task("", { ahead })], 0);
    assert.deepEqual(told(await calls.all()), [["", false]]);
    await calls.finish();
  }
  const narrow = taker(1);
  narrow.listings.ask([task("")], 0);
  const [, first, ...more] = await narrow.all();
  assert.deepEqual([first.ahead, more], [true, []]);
  narrow.listings.credit(first.block.bytes.length);
  assert.deepEqual((await narrow.all()).map(({ ahead }) => ahead), [true]);
  await narrow.finish();
});

Deno.test("a directory that was under way when it was asked for is answered by what came", async () => {
  const calls = taker(1 << 20);
  calls.listings.ask([task("")], 0);
  assert.equal((await calls.all()).length, 6);
  // Asked before the second response had come: what was read ahead is the answer.
  calls.listings.ask([task("a"), task("b/3")], 1);
  assert.deepEqual(told(await calls.all()), []);
  // Asked again after everything was seen: listed anew.
  calls.listings.ask([task("a", { ahead: false })], 6);
  assert.deepEqual(told(await calls.all()), [["a", false]]);
  await calls.finish();
});

Deno.test("a directory that is waited for is taken out of those to be read ahead", async () => {
  const calls = taker(1);
  calls.listings.ask([task("")], 0);
  const [, first] = await calls.all();
  const other = first.task.path === "a" ? "b" : "a";
  calls.listings.ask([task(other, { ahead: false })], 2);
  assert.deepEqual(told(await calls.all()), [[other, false]]);
  calls.listings.credit(1 << 20);
  for (let found = await calls.all(); found.length > 0; found = await calls.all()) {
    assert.ok(!found.some(({ task }) => task.path === other));
    calls.listings.credit(1 << 20);
  }
  await calls.finish();
});

Deno.test("the same directory twice is answered twice, one after the other", async () => {
  const calls = taker(0);
  calls.listings.ask([task("a"), task("a"), task("f")], 0);
  const answers = await calls.all();
  assert.deepEqual(answers.map(({ task }) => task.path).sort(), ["a", "a", "f"]);
  await calls.finish();
});

Deno.test("other options than those it was read with are another listing", async () => {
  const calls = taker(1 << 20);
  calls.listings.ask([task("", { sorted: false })], 0);
  assert.equal((await calls.all()).length, 6);
  calls.listings.ask([task("a", { ahead: false })], 0);
  const [again, ...more] = await calls.all();
  assert.deepEqual([again.task.path, again.task.sorted, again.ahead], ["a", true, false]);
  assert.deepEqual(more, []);
  await calls.finish();
});

Deno.test("what is skipped isn't read ahead, nor what is below it", async () => {
  const calls = taker(1);
  calls.listings.ask([task("")], 0);
  const found = await calls.all();
  calls.listings.skip(["a", "b"]);
  calls.listings.credit(1 << 20);
  assert.deepEqual([found.length, await calls.all()], [2, []]);
  await calls.finish();
});

Deno.test("directories that wait are counted until they are begun, skipped, or wanted no more", async () => {
  const calls = taker(1);
  assert.equal(calls.listings.waiting, 0);
  calls.listings.ask([task("")], 0);
  await calls.all();
  // Of "a" and "b" one's block fills the window.
  assert.ok(calls.listings.waiting > 0);
  calls.listings.skip(["a", "b"]);
  assert.equal(calls.listings.waiting, 0);
  const more = taker(1);
  more.listings.ask([task("")], 0);
  await more.all();
  assert.ok(more.listings.waiting > 0);
  more.listings.ask(Array.from({ length: 80 }, () => task("b")), 0);
  assert.ok(more.listings.waiting >= 79);
  await more.all();
  await more.finish();
  assert.equal(more.listings.waiting, 0);
  await calls.finish();
});

Deno.test("requests are bounded, and what fails ends the call", async () => {
  const listings = new ListAhead(tree(), 0);
  const many = Array.from({ length: 20_000 }, (_, i) => task(`none${i}`));
  assert.throws(() => listings.ask(many, 0), { kind: "usage" });
  const long = Array.from({ length: 100 }, () => task("x".repeat(65_000)));
  assert.throws(() => listings.ask(long, 0), { kind: "usage" });
  listings.ask([task("none")], 0);
  const calls = new Taker(listings);
  const [missing] = await calls.all();
  assert.notEqual(missing.block.listStatus, 0);
  listings.fail(new TypeError("gone"));
  await assert.rejects(calls.all(), { message: "gone" });
});
