import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { BlitError } from "../core/error.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import { EntryXattrsSchema } from "../gen/blit/v1/session_pb.ts";
import { RemoteXattrs } from "./remote_xattrs.ts";
import { xattrsOf } from "./service/xattrs_call.ts";

const VALUE = new Uint8Array(1000);

/** The daemon's side over entries whose attribute has the size that their name says; `?` can't be read. */
const tree = {
  xattrs: (path: RelPath) =>
    path === "?"
      ? Promise.reject(new BlitError("permission", "Cannot read it."))
      : Promise.resolve(new Map([[`user.${path}`, new Uint8Array(Number(path) || 0)]])),
};

function counted() {
  const calls: number[] = [];
  const xattrs = new RemoteXattrs(async (paths) => {
    calls.push(paths.length);
    const entries = await xattrsOf(tree, paths.map(nameToBytes));
    return entries.map((entry) => create(EntryXattrsSchema, entry));
  });
  return { calls, xattrs };
}

Deno.test("attributes that are wanted in one turn come in one call", async () => {
  const { calls, xattrs } = counted();
  const names = Array.from({ length: 500 }, (_, i) => `${i}`);
  const found = await Promise.all(names.map((name) => xattrs.xattrs(name)));
  assert.deepEqual(calls, [500]);
  found.forEach((one, i) => assert.equal(one.get(`user.${i}`)?.length, i));
});

Deno.test("an answer that is full is asked for again from where it ended", async () => {
  const { calls, xattrs } = counted();
  const size = 400_000;
  const names = Array.from({ length: 7 }, (_, i) => `${size + i}`);
  const found = await Promise.all(names.map((name) => xattrs.xattrs(name)));
  assert.deepEqual(calls, [7, 4, 1]);
  found.forEach((one, i) => assert.equal(one.get(`user.${size + i}`)?.length, size + i));
});

Deno.test("one entry whose attributes can't be read fails alone", async () => {
  const { xattrs } = counted();
  const [first, second, third] = await Promise.allSettled(
    ["1", "?", "3"].map((name) => xattrs.xattrs(name)),
  );
  assert.deepEqual([first.status, second.status, third.status], [
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  assert.equal(second.status === "rejected" && second.reason.kind, "permission");
});

Deno.test("an answer with no entry, with too many, or with names that are none is refused", async () => {
  const attribute = (name: string) =>
    create(EntryXattrsSchema, {
      xattrs: [{ name: nameToBytes(name), value: VALUE }],
    });
  const twice = create(EntryXattrsSchema, {
    xattrs: [1, 2].map(() => ({ name: nameToBytes("user.a"), value: VALUE })),
  });
  for (
    const entries of [
      [],
      [attribute("user.a"), attribute("user.b")],
      [attribute("")],
      [
        attribute("a\0b"),
      ],
      [attribute("x".repeat(256))],
      [twice],
    ]
  ) {
    const xattrs = new RemoteXattrs(() => Promise.resolve(entries));
    await assert.rejects(xattrs.xattrs("f"), { kind: "mismatch" });
  }
});

Deno.test("more paths than a call may have are refused", async () => {
  const paths = Array.from({ length: 4097 }, () => nameToBytes("f"));
  await assert.rejects(xattrsOf(tree, paths), { kind: "usage" });
});
