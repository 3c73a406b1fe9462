/** What happens when reading fails, content changes, or the run is cancelled half way. @module */
import assert from "node:assert/strict";
import { BlitError } from "../../src/core/error.ts";
import { BatchFlag, CopyAction, Op, ResultFlag } from "../../src/core/work_batch.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import type { Cases } from "./suite.ts";
import { contents, listing, statuses, text } from "./workbench.ts";

const MIB = 1 << 20;
const LARGE = "x".repeat(3 * MIB);
const BROKEN = new BlitError("io", "Cannot read: injected.", { operation: "read" });

/** Calls `act` once, before the n-th read of the source's content. */
function beforeRead(source: MemoryTree, n: number, act: () => void | Promise<void>): void {
  let reads = 0;
  source.onAccess = async (operation) => {
    if (operation === "read" && ++reads === n) await act();
  };
}

/** See the module's comment. */
export const faultCases: Cases = {
  "replace keeps the old content until the new is complete": async (bench) => {
    const source = MemoryTree.of({ f: LARGE });
    await bench.seed(bench.destination, { f: "old" });
    let meanwhile = "";
    beforeRead(source, 3, async () => {
      meanwhile = await text(bench.destination, bench.run, "f");
    });
    const results = await bench.copy(["f"], { source, action: CopyAction.replace });
    assert.deepEqual(statuses(results), ["ok"]);
    assert.equal(meanwhile, "old");
    assert.equal(await text(bench.destination, bench.run, "f"), LARGE);
  },

  "a large new file has no name until it is complete": async (bench) => {
    const source = MemoryTree.of({ f: LARGE });
    let meanwhile = -1;
    beforeRead(source, 3, async () => {
      const blocks = await listing(bench.destination, "");
      meanwhile = blocks.reduce((sum, block) => sum + block.count, 0);
    });
    assert.deepEqual(statuses(await bench.copy(["f"], { source })), ["ok"]);
    assert.equal(meanwhile, 0);
  },

  "a reading that fails leaves nothing behind, in place or staged": async (bench) => {
    const source = MemoryTree.of({ small: "ab", large: LARGE, old: "new", fine: "fine" });
    await bench.seed(bench.destination, { old: "old" });
    source.onAccess = (operation, path) => {
      if (operation === "read" && path !== "fine") return BROKEN;
    };
    const created = await bench.copy(["small", "large", "fine"], { source });
    assert.deepEqual(statuses(created), ["io", "io", "ok"]);
    const replaced = await bench.copy(["old"], { source, action: CopyAction.replace });
    assert.deepEqual(statuses(replaced), ["io"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { old: "old", fine: "fine" });
  },

  "a file that changes while it is read is read once more": async (bench) => {
    for (const [name, content] of [["small", "before"], ["large", LARGE]]) {
      const source = MemoryTree.of({ [name]: content });
      beforeRead(source, 2, () => source.put(name, `${content} and after`));
      const results = await bench.copy([name], { source });
      assert.deepEqual(statuses(results), ["ok"], name);
      assert.equal(results[0].flags & ResultFlag.readAgain, ResultFlag.readAgain, name);
      assert.equal(await text(bench.destination, bench.run, name), `${content} and after`);
    }
  },

  "a file that shrinks while it is read ends up short, not padded": async (bench) => {
    const source = MemoryTree.of({ f: LARGE });
    beforeRead(source, 2, () => source.put("f", "short"));
    assert.deepEqual(statuses(await bench.copy(["f"], { source })), ["ok"]);
    assert.equal(await text(bench.destination, bench.run, "f"), "short");
  },

  "a file that changes at every reading is `changed`, and not named": async (bench) => {
    const source = MemoryTree.of({ f: "0", old: "0" });
    await bench.seed(bench.destination, { old: "kept" });
    let change = 0;
    source.onAccess = (operation, path) => {
      if (operation === "read") source.put(path, String(++change));
    };
    assert.deepEqual(statuses(await bench.copy(["f"], { source })), ["changed"]);
    const replaced = await bench.copy(["old"], { source, action: CopyAction.replace });
    assert.deepEqual(statuses(replaced), ["changed"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { old: "kept" });
  },

  "what was to be in a directory that can't be made is itself said not to be created": async (
    bench,
  ) => {
    const source = MemoryTree.of({ "d/f": "x" });
    await bench.seed(bench.destination, { d: "no directory" });
    const [result] = await bench.copy(["d/f"], { source });
    assert.equal(result.step, "create");
  },

  "a cancelled run keeps the old content and leaves nothing staged": async (bench) => {
    const source = MemoryTree.of({ f: LARGE, g: "small" });
    await bench.seed(bench.destination, { f: "old" });
    beforeRead(source, 2, () => bench.abort.abort());
    const results = await bench.copy(["f", "g"], { source, action: CopyAction.replace });
    // Items may run side by side: the small one may be done when the cancel comes.
    const [f, g] = statuses(results);
    assert.equal(f, "cancelled");
    const whole = g === "ok" ? { f: "old", g: "small" } : { f: "old" };
    assert.deepEqual(await contents(bench.destination, bench.otherRun()), whole);
  },

  "a batch of a run that was cancelled before does nothing": async (bench) => {
    await bench.seed(bench.source, { f: "x" });
    await bench.seed(bench.destination, { g: "y" });
    const seen = await bench.destination.stat(["g"]);
    bench.abort.abort();
    assert.deepEqual(statuses(await bench.copy(["f"])), ["cancelled"]);
    assert.deepEqual(statuses(await bench.submit(Op.remove, seen)), ["cancelled"]);
    assert.deepEqual(await contents(bench.destination, bench.otherRun()), { g: "y" });
  },

  "a staged file is safe from other runs while its own lives": async (bench) => {
    const source = MemoryTree.of({ f: LARGE });
    const other = bench.otherRun();
    let meanwhile: string[] = [];
    beforeRead(source, 3, async () => {
      let [staged] = await listing(bench.destination, "", { staged: true });
      // What was read may still be on its way to where it is written.
      for (let tries = 0; staged.count === 0 && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        [staged] = await listing(bench.destination, "", { staged: true });
      }
      assert.equal(staged.count, 1);
      const options = { flags: BatchFlag.stale, run: other };
      meanwhile = statuses(await bench.submit(Op.remove, staged, options));
    });
    assert.deepEqual(statuses(await bench.copy(["f"], { source })), ["ok"]);
    assert.deepEqual(meanwhile, ["busy"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { f: LARGE });
  },
};
