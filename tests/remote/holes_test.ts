/**
 * Files with many holes that go to a daemon whose file system gives growing files more than is written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { allocatedBytes, assertStatus } from "../support/judges.ts";
import { testOn } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { assertSamePieces, piecesBehindHoles } from "../support/trees.ts";

for (const way of [WAYS[0], WAYS[2]]) {
  testOn(
    { type: "xfs", sizeMiB: 400 },
    `what lies between holes takes no more at a daemon on xfs: ${way.name}`,
    (dir, outside) =>
      served(dir, way, async ({ host, folder, blit }) => {
        // One goes through one stream, the other through all.
        for (const [name, sizeMiB] of [["one", 512], ["shared", 1024 * 1024]] as const) {
          const source = join(outside.path, name);
          const pieces = piecesBehindHoles(source, sizeMiB);
          assertStatus(await blit("copy", source, `${host}:/m/`), 0);
          const copy = join(folder, name);
          assertSamePieces(source, copy, pieces);
          const [took, takes] = [allocatedBytes(source), allocatedBytes(copy)];
          assert.ok(takes <= took + 65_536, `${name}: ${takes} of ${took}`);
        }
      }),
  );
}
