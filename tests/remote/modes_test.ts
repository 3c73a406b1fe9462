/**
 * Sources without permission bits, as Windows has them, over what keeps them: a daemon's tree and one of this machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Tree } from "../../src/engine/tree.ts";
import { LocalTree } from "../../src/tree/local.ts";
import { runTrees, treeOf } from "../engine/support.ts";
import { remoteScene } from "./remote_pair.ts";

const BARE = { traits: { modes: false } };
const MIB = 2 ** 20;

Deno.test("what replaces a file has its mode where the source has none, on a daemon and here", async () => {
  const scene = await remoteScene();
  try {
    const keeper = await scene.session();
    const trees: Record<string, () => Promise<Tree>> = {
      remote: () => scene.tree(keeper, "remote"),
      local: () => LocalTree.open(`${scene.folder}/local`, { pool: scene.pool }),
    };
    for (const [name, open] of Object.entries(trees)) {
      const folder = `${scene.folder}/${name}`;
      await Deno.mkdir(`${folder}/private`, { recursive: true });
      for (const [file, mode] of [["key", 0o600], ["script", 0o755], ["large", 0o640]] as const) {
        await Deno.writeTextFile(`${folder}/private/${file}`, "old");
        await Deno.chmod(`${folder}/private/${file}`, mode);
      }
      await Deno.chmod(`${folder}/private`, 0o700);
      const source = treeOf({
        "private/": { directory: true, mode: 0o755 },
        "private/key": "another",
        "private/script": { content: "another", mode: 0o444 },
        "private/large": "x".repeat(3 * MIB),
        "private/new": "x",
        "folder/new": { content: "x", mode: 0o444 },
      }, BARE);
      const tree = await open();
      const { summary } = await runTrees("mirror", source, tree);
      await tree.close();
      assert.deepEqual([summary.outcome, summary.filesReplaced], ["done", 3], name);
      const modeOf = (path: string) => (Deno.lstatSync(`${folder}/${path}`).mode! & 0o7777);
      const paths = ["private", ...["key", "script", "large", "new"].map((f) => `private/${f}`)];
      const modes = [...paths, "folder", "folder/new"].map((path) => modeOf(path).toString(8));
      assert.deepEqual(modes, ["700", "600", "555", "640", "644", "755", "444"], name);
    }
  } finally {
    await scene.dispose();
  }
});

Deno.test("what is new at a daemon gets what its umask leaves, where the source has no modes", async () => {
  const before = Deno.umask(0o027);
  const scene = await remoteScene();
  Deno.umask(before);
  try {
    const source = treeOf({
      "folder/small": { content: "x", mode: 0o644 },
      "folder/protected": { content: "x", mode: 0o444 },
      "folder/large": { content: "x".repeat(3 * MIB), mode: 0o644 },
      "empty/": { directory: true, mode: 0o755 },
    }, BARE);
    const tree = await scene.tree(await scene.session(), "made");
    const { summary } = await runTrees("mirror", source, tree);
    await tree.close();
    assert.equal(summary.outcome, "done");
    const paths = ["folder", "empty", "folder/small", "folder/large", "folder/protected"];
    const modes = paths.map((path) =>
      (Deno.lstatSync(`${scene.folder}/made/${path}`).mode! & 0o7777).toString(8)
    );
    assert.deepEqual(modes, ["750", "750", "640", "640", "440"]);
  } finally {
    await scene.dispose();
  }
});
