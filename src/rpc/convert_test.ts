import assert from "node:assert/strict";
import { nameToBytes } from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import {
  factsFromMessage,
  factsToMessage,
  pathFromPeer,
  traitsFromMessage,
  traitsToMessage,
} from "./convert.ts";
import { agree, CAPABILITIES, PROTOCOL } from "./version.ts";

Deno.test("facts and traits come back as they went", () => {
  const facts: FsFacts = {
    device: 0xffff_ffff_ffff_ffffn,
    rootInode: 2n,
    type: "ext4",
    freeBytes: 1e15,
    totalBytes: 2e15,
    freeInodes: 7,
    readOnly: true,
    foldsCase: false,
    normalisesUnicode: true,
    dropsFinalDots: false,
    isFsRoot: false,
    timeGrainNs: 100,
  };
  assert.deepEqual(factsFromMessage(factsToMessage(facts)), facts);
  // A peer's stick has DOS's names, whatever version it is.
  assert.ok(factsFromMessage(factsToMessage({ ...facts, type: "vfat" })).dropsFinalDots);
  const traits: Traits = {
    nanosecondTimes: true,
    rawNames: false,
    xattrs: true,
    owners: false,
    losesModes: true,
    losesWriteBit: false,
    losesOwners: true,
    hardlinks: true,
    specials: false,
    holes: true,
    beneath: true,
    symlinkTimes: false,
    modes: true,
    umask: 0,
    syncsWhole: true,
  };
  assert.deepEqual(traitsFromMessage(traitsToMessage(traits)), traits);
  assert.equal(factsFromMessage(undefined).type, "unknown");
  assert.equal(traitsFromMessage(undefined).xattrs, false);
});

Deno.test("a peer's path is a plain one below its root", () => {
  assert.equal(pathFromPeer(nameToBytes("a..b/\xff\\c")), "a..b/\xff\\c");
  assert.equal(pathFromPeer(new Uint8Array(0)), "");
  for (const path of ["/a", "a/", "a//b", ".", "a/..", "../a", "a\0b"]) {
    assert.throws(() => pathFromPeer(nameToBytes(path)), { kind: "escaped" }, path);
  }
  assert.throws(() => pathFromPeer(new Uint8Array(70_000).fill(97)), { kind: "name_too_long" });
});

Deno.test("minor versions work together, major ones don't", () => {
  const newer = agree({ major: PROTOCOL.major, minor: 99 }, ["unknown", ...CAPABILITIES], "nas");
  assert.deepEqual(newer.version, PROTOCOL);
  assert.deepEqual([...newer.capabilities], [...CAPABILITIES]);
  assert.equal(agree({ major: 1, minor: 0 }, [], "nas").capabilities.size, 0);
  assert.throws(() => agree({ major: 2, minor: 0 }, [], "nas:9031"), {
    kind: "mismatch",
    message: /nas:9031 speaks version 2\.0/,
  });
  assert.throws(() => agree(undefined, [], "nas:9031"), { kind: "mismatch" });
});
