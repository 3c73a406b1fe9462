import assert from "node:assert/strict";
import fc from "fast-check";
import { Kind } from "../../src/core/entry_block.ts";
import { type RelPath, textToName } from "../../src/core/rel_path.ts";
import type { EntrySpec, TreeSpec } from "../../src/tree/memory.ts";
import {
  check,
  copy,
  expectDone,
  expectEqualTrees,
  expectNoWork,
  type Given,
  mirror,
  move,
  see,
  treeOf,
} from "./support.ts";

const RUNS = Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 150);
const ALL: Given = { delete: { maxDelete: { kind: "all" }, allowEmptySource: true } };

const names = ["a", "b", "B", "a.b", "\xff", "\u{1f600}", "\uffff", "é"].map((name) =>
  name === "\xff" ? name : textToName(name)
);
const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"));
const mode = fc.constantFrom(0o755, 0o700, 0o500, 0o4711);
const mtimeNs = fc.constantFrom(1n, 1_500_000_000_000_000_001n, 1_500_000_000_000_000_002n);
const xattrs = fc.constantFrom<Record<string, string>>({}, { "user.a": "1" });
const uid = fc.constantFrom(0, 1000);
const meta = { mode, mtimeNs, uid };

const entry = fc.oneof(
  fc.record({ content: fc.constantFrom("", "x", "y", "longer"), xattrs, ...meta }),
  fc.record({ directory: fc.constant(true as const), xattrs, ...meta }),
  fc.record({ link: fc.constantFrom("a", "../b"), mtimeNs, uid }),
  fc.record({ special: fc.constant(Kind.fifo), ...meta }),
  fc.nat(5).map((nth) => ({ nth })),
);

/** Makes what can be made of random entries: nothing lies below a file, a hardlink names an earlier file. */
const spec = fc.array(fc.tuple(path, entry), { maxLength: 14 }).map((entries) => {
  const made = new Map<RelPath, EntrySpec>();
  const files: RelPath[] = [];
  for (const [at, wanted] of entries) {
    const parts = at.split("/");
    const above = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
    const fits = above.every((parent) => {
      const there = made.get(parent);
      return there === undefined || (there !== null && Object.hasOwn(there as object, "directory"));
    });
    const free = !made.has(at) && [...made.keys()].every((other) => !other.startsWith(`${at}/`));
    if (!fits || !free) continue;
    if ("nth" in wanted) {
      if (files.length > 0) made.set(at, { hardlink: files[wanted.nth % files.length] });
      continue;
    }
    if ("content" in wanted) files.push(at);
    made.set(at, wanted);
  }
  return Object.fromEntries(made) as TreeSpec;
});

async function property(
  holds: (source: TreeSpec, destination: TreeSpec) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(spec, spec, holds), { numRuns: RUNS });
}

Deno.test("mirror makes any destination equal to any source, and a second run has nothing to do", async () => {
  await property(async (from, to) => {
    const [source, destination] = [treeOf(from), treeOf(to)];
    expectDone(await mirror(source, destination, { ...ALL, compare: { checksum: true } }));
    await expectEqualTrees(source, destination);
    expectNoWork(await mirror(source, destination, ALL));
    assert.equal((await check(source, destination)).summary.outcome, "done");
  });
});

Deno.test("a dry run predicts exactly what mirror then does", async () => {
  await property(async (from, to) => {
    const [source, destination] = [treeOf(from), treeOf(to)];
    const before = await see(destination);
    const planned = await mirror(source, destination, { ...ALL, dryRun: true });
    assert.deepEqual(await see(destination), before);
    const done = expectDone(await mirror(source, destination, ALL));
    // Which name of a group comes first depends on which directory is listed first.
    const grouped = (items: readonly string[]) =>
      items.map((item) => item.replace(/^(link|create) (.*) \(new\)/, "make $2")).sort();
    assert.deepEqual(grouped(planned.items), grouped(done.items));
    for (
      const field of [
        "filesTransferred",
        "filesCreated",
        "filesReplaced",
        "filesUnchanged",
        "linksMade",
        "directoriesCreated",
        "metadataUpdated",
        "bytesTransferred",
        "entriesDeleted",
      ] as const
    ) assert.equal(planned.summary[field], done.summary[field], field);
  });
});

Deno.test("copy makes the source a part of any destination and changes nothing else", async () => {
  await property(async (from, to) => {
    const [source, destination] = [treeOf(from), treeOf(to)];
    const [wanted, before] = [await see(source), await see(destination)];
    const ran = await copy(source, destination, { compare: { checksum: true } });
    assert.equal(ran.error, null);
    const after = await see(destination);
    const kept = ran.summary.failures.map((failure) => failure.path);
    const isBelow = (at: RelPath, above: RelPath) => at === above || at.startsWith(`${above}/`);
    for (const at of Object.keys(wanted)) {
      // A directory that isn't empty is not replaced.
      if (kept.some((path) => isBelow(at, path))) continue;
      assert.equal(after[at]?.content, wanted[at].content, at);
      assert.deepEqual({ ...after[at], group: 0, xattrs: 0, mtimeNs: 0 }, {
        ...wanted[at],
        group: 0,
        xattrs: 0,
        mtimeNs: 0,
      });
    }
    for (const at of Object.keys(before)) {
      if (at in wanted && !kept.some((path) => isBelow(at, path))) continue;
      if (at in wanted || after[at] === undefined) continue;
      assert.deepEqual({ ...after[at], group: 0 }, { ...before[at], group: 0 }, at);
    }
    for (const at of Object.keys(before)) {
      const replaced = Object.keys(wanted).some((other) =>
        isBelow(at, other) && wanted[other].kind !== before[other]?.kind
      );
      assert.ok(at in after || replaced, `${at} is gone`);
    }
  });
});

Deno.test("move to another file system leaves what it can't move and loses nothing", async () => {
  await property(async (from, to) => {
    const [source, destination] = [treeOf(from), treeOf(to)];
    const before = await see(source);
    const ran = await move(source, destination);
    assert.equal(ran.error, null);
    const [left, arrived] = [await see(source), await see(destination)];
    for (const at of Object.keys(before)) {
      const there = arrived[at] ?? left[at];
      assert.ok(there !== undefined, `${at} is lost`);
      assert.equal((left[at] ?? arrived[at]).content, before[at].content, at);
    }
    if (ran.summary.outcome === "done") assert.deepEqual(Object.keys(left), [""]);
  });
});

Deno.test("move within a file system leaves what it can't move and loses nothing", async () => {
  await property(async (from, to) => {
    const volume = treeOf({ "from/": null, "to/": null });
    const put = (under: string, part: TreeSpec) => {
      for (const [at, one] of Object.entries(part)) {
        const whole = one !== null && typeof one === "object" && "hardlink" in one
          ? { hardlink: `${under}/${one.hardlink}` }
          : one;
        volume.put(`${under}/${at}`, whole);
      }
    };
    put("from", from);
    put("to", to);
    const [source, destination] = [volume.at("from"), volume.at("to")];
    const before = await see(source);
    const ran = await move(source, destination);
    const [left, arrived] = [await see(source), await see(destination)];
    for (const at of Object.keys(before)) {
      assert.equal((left[at] ?? arrived[at])?.content, before[at].content, at);
    }
    if (ran.summary.outcome === "done") assert.deepEqual(Object.keys(left), [""]);
  });
});
