/** What a tree declares to keep it keeps; what it lacks shows in statuses and flags. @module */
import assert from "node:assert/strict";
import { Kind } from "../../src/core/entry_block.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  ResultFlag,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import { digestXattrs } from "../../src/tree/blake3.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { failure } from "../../src/tree/step_failure.ts";
import { need, needsHoles, needsStreams } from "../support/needs.ts";
import type { Cases } from "./suite.ts";
import { shownMode, statuses } from "./workbench.ts";

const MS = 1_000_000n;

/** See the module's comment. */
export const traitCases: Cases = {
  "trait nanosecondTimes: times are exact, or the result says what was written": async (bench) => {
    const mtimeNs = 1_234_567_890_123_456_789n;
    const source = MemoryTree.of({ f: { content: "x", mtimeNs } });
    const [result] = await bench.copy(["f"], { source });
    const exact = bench.destination.traits.nanosecondTimes;
    const grain = exact ? BigInt((await bench.destination.probe()).timeGrainNs) || 1n : MS;
    const expected = mtimeNs / grain * grain;
    assert.equal(result.status, "ok");
    assert.equal(result.mtimeNs, expected);
    assert.equal((await bench.destination.stat(["f"])).mtimeNs(0), expected);
    if (!exact) assert.ok((await bench.destination.probe()).timeGrainNs >= 1_000_000);
  },

  "trait xattrs: attributes are kept, or flagged as dropped": async (bench) => {
    need(needsStreams());
    const source = MemoryTree.of({
      f: { content: "x", xattrs: { "user.a": "1", "user.b": "two" } },
      plain: "y",
    });
    const [attributed, plain] = await bench.copy(["f", "plain"], {
      source,
      flags: BatchFlag.xattrs,
    });
    assert.deepEqual(statuses([attributed, plain]), ["ok", "ok"]);
    assert.equal(plain.flags & ResultFlag.xattrsDropped, 0);
    const kept = await bench.destination.xattrs("f");
    if (bench.destination.traits.xattrs) {
      assert.equal(attributed.flags, 0);
      assert.deepEqual(kept, await source.xattrs("f"));
      const seen = await bench.destination.stat(["f"]);
      const [hash] = await bench.submit(Op.hash, seen, { flags: BatchFlag.xattrs });
      assert.equal(hash.xattrDigest, await digestXattrs(kept));
    } else {
      assert.equal(attributed.flags & ResultFlag.xattrsDropped, ResultFlag.xattrsDropped);
      assert.equal(kept.size, 0);
    }
  },

  "trait xattrs: attributes come out of a tree, of small and large files": async (bench) => {
    need(needsStreams());
    const xattrs = { "user.one": "1", "user.long": "x".repeat(300) };
    await bench.seed(bench.source, {
      f: { content: "x", xattrs },
      large: { content: "y".repeat(3 << 20), xattrs },
    });
    const results = await bench.copy(["f", "large"], { flags: BatchFlag.xattrs });
    assert.deepEqual(statuses(results), ["ok", "ok"]);
    const expected = plain(
      new Map(
        Object.entries(xattrs).map(([name, value]) => [name, new TextEncoder().encode(value)]),
      ),
    );
    for (const path of ["f", "large"]) {
      const had = bench.source.traits.xattrs ? expected : new Map();
      assert.deepEqual(plain(await bench.source.xattrs(path)), had);
      const kept = bench.destination.traits.xattrs ? had : new Map();
      assert.deepEqual(plain(await bench.destination.xattrs(path)), kept);
    }
  },

  "trait xattrs: meta makes the destination's attributes the source's": async (bench) => {
    need(needsStreams());
    const keeps = bench.destination.traits.xattrs;
    const old = MemoryTree.of({ f: { content: "x", xattrs: { "user.a": "old", "user.b": "2" } } });
    await bench.copy(["f"], { source: old, flags: BatchFlag.xattrs });
    const source = MemoryTree.of({ f: { content: "x", xattrs: { "user.a": "new" } } });
    const seen = await source.stat(["f"]);
    const flags = BatchFlag.xattrs;
    const mended = await bench.submit(Op.meta, seen, { source, flags });
    assert.deepEqual(statuses(mended), ["ok"]);
    assert.equal(mended[0].flags & ResultFlag.xattrsDropped, keeps ? 0 : ResultFlag.xattrsDropped);
    const expected = keeps ? new Map([["user.a", new TextEncoder().encode("new")]]) : new Map();
    assert.deepEqual(plain(await bench.destination.xattrs("f")), expected);
    source.onAccess = () => failure("io", "read metadata of", "f");
    assert.deepEqual(statuses(await bench.submit(Op.meta, seen, { source, flags })), ["io"]);
    assert.deepEqual(plain(await bench.destination.xattrs("f")), expected);
  },

  "trait owners: owner and set-id bits are kept, or flagged as dropped": async (bench) => {
    const source = MemoryTree.of({ f: { content: "x", uid: 1234, gid: 567, mode: 0o4755 } });
    const [result] = await bench.copy(["f"], { source, flags: BatchFlag.owner });
    assert.equal(result.status, "ok");
    const now = await bench.destination.stat(["f"]);
    if (bench.destination.traits.owners) {
      assert.deepEqual([now.uid(0), now.gid(0), now.mode(0)], [1234, 567, 0o4755]);
      assert.equal(result.flags & ResultFlag.ownerDropped, 0);
    } else {
      assert.equal(result.flags & ResultFlag.ownerDropped, ResultFlag.ownerDropped);
      assert.equal(now.mode(0), shownMode(bench.destination, 0o755));
    }
  },

  "trait hardlinks: a link is made, or reported": async (bench) => {
    await bench.seed(bench.destination, { a: "x" });
    const seen = await bench.destination.stat(["a"]);
    const items = [{ path: "b", target: "a", action: CopyAction.create }];
    const [result] = await bench.submit(Op.link, seen, { items });
    assert.equal(result.status, bench.destination.traits.hardlinks ? "ok" : "unsupported");
  },

  "trait specials: FIFOs, sockets and devices are made, or reported": async (bench) => {
    const { specials, owners } = bench.destination.traits;
    const source = MemoryTree.of({
      fifo: { special: Kind.fifo, mode: 0o620 },
      socket: { special: Kind.socket },
      null: { special: Kind.charDevice, rdev: (1n << 32n) | 3n },
    });
    const results = await bench.copy(["fifo", "socket", "null"], {
      source,
      flags: BatchFlag.owner,
    });
    const special = specials ? "ok" : "unsupported";
    assert.deepEqual(statuses(results.slice(0, 2)), [special, special]);
    // Root in a container may declare owners and yet lack the right to make devices.
    if (!specials || !owners) assert.notEqual(results[2].status, "ok");
    const now = await bench.destination.stat(["fifo", "null"]);
    if (specials) assert.deepEqual([now.kind(0), now.mode(0)], [Kind.fifo, 0o620]);
    if (results[2].status === "ok") assert.equal(now.rdev(1), (1n << 32n) | 3n);
  },

  "trait holes: a sparse file stays sparse": async (bench) => {
    const content = new Uint8Array(8 << 20);
    content.set([1, 2, 3], 5 << 20);
    const source = MemoryTree.of({ f: { content, allocatedBytes: 4096 } });
    const [result] = await bench.copy(["f"], { source });
    assert.equal(result.status, "ok");
    const now = await bench.destination.stat(["f"]);
    assert.equal(now.sizeBytes(0), content.length);
    if (bench.destination.traits.holes && needsHoles() === null) {
      assert.ok(now.allocatedBytes(0) < content.length / 2);
    }
    const reader = await bench.destination.openFile("f", bench.run);
    let at = 0;
    for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
      assert.deepEqual(piece, content.slice(at, at + piece.length));
      at += piece.length;
    }
    assert.equal(at, content.length);
    assert.ok((await reader.close()).unchanged);
  },

  "trait syncsWhole: one call makes everything durable, or says that it can't": async (bench) => {
    const sync = new WorkBatch(new BatchBuilder(Op.sync, 1).finish());
    const syncing = bench.destination.run(sync, null, bench.run);
    if (bench.destination.traits.syncsWhole) assert.equal((await syncing).count, 0);
    else await assert.rejects(syncing, { kind: "unsupported" });
  },

  "trait symlinkTimes: a link's own mtime is set, its target's is not": async (bench) => {
    const mtimeNs = 1_111_111_111_222_000_000n;
    await bench.seed(bench.destination, { f: "x" });
    const before = (await bench.destination.stat(["f"])).mtimeNs(0);
    const source = MemoryTree.of({ l: { link: "f", mtimeNs } });
    assert.deepEqual(statuses(await bench.copy(["l"], { source })), ["ok"]);
    const now = await bench.destination.stat(["l", "f"]);
    if (bench.destination.traits.symlinkTimes) assert.equal(now.mtimeNs(0), mtimeNs);
    assert.equal(now.mtimeNs(1), before);
  },
};

/** The same attributes, each in an array of its own. */
function plain(xattrs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...xattrs].sort().map(([name, value]) => [name, Uint8Array.from(value)]));
}
