import assert from "node:assert/strict";
import { join } from "node:path";
import { BlitError } from "../core/error.ts";
import { needsSymlinks } from "../../tests/support/needs.ts";
import { absolutePath, endsInDirectory, locate } from "./locate.ts";

const LINKS = needsSymlinks() === null;

/** A folder with the directory `src`, the file `file`, and links to both. */
async function withFolder(test: (cwd: string) => Promise<void>): Promise<void> {
  const cwd = await Deno.realPath(await Deno.makeTempDir({ prefix: "blit-locate-" }));
  try {
    await Deno.mkdir(join(cwd, "src"));
    await Deno.mkdir(join(cwd, "there"));
    await Deno.writeTextFile(join(cwd, "file"), "");
    if (LINKS) {
      await Deno.symlink("src", join(cwd, "dirlink"), { type: "dir" });
      await Deno.symlink("nowhere", join(cwd, "dangling"), { type: "file" });
      await Deno.symlink("../src", join(cwd, "there", "src"), { type: "dir" });
    }
    await test(cwd);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

/** SRC, DST, root of the source, root of the destination, names of a single entry. */
const TARGETS: [string, string, string, string, [string, string]?][] = [
  ["src/", "new", "src", "new"],
  ["src/.", "new", "src", "new"],
  ["src/", "new/", "src", "new"],
  ["src", "new", "src", "new/src"],
  ["src", "new/", "src", "new/src"],
  ["src", "a/b/c", "src", "a/b/c/src"],
  ["./src", "new", "src", "new/src"],
  ["there/..", "new", "", "new"],
  [".", "new", "", "new"],
  ["file", "new", "", "", ["file", "new"]],
  ["file", "new/", "", "new", ["file", "file"]],
  ["file", "there", "", "there", ["file", "file"]],
  ["file", "there/x", "", "there", ["file", "x"]],
  ["file", ".", "", "", ["file", "file"]],
  ["file", "dirlink", "", "dirlink", ["file", "file"]],
  ["dirlink", "new", "", "", ["dirlink", "new"]],
  ["dirlink", "there", "", "there", ["dirlink", "dirlink"]],
  ["dirlink/", "new", "dirlink", "new"],
  ["dangling", "new", "", "", ["dangling", "new"]],
  ["file", "dangling", "", "", ["file", "dangling"]],
];

for (const [source, destination, from, to, single] of TARGETS) {
  const there = `${to || "."}${single ? `/${single[1]}` : ""}`;
  Deno.test({
    name: `${source} to ${destination} goes to ${there}`,
    ignore: !LINKS && /dirlink|dangling/.test(source + destination),
    fn: () =>
      withFolder(async (cwd) => {
        const located = await locate(source, destination, cwd);
        assert.deepEqual(located.sourceRoot, { kind: "local", path: join(cwd, from) });
        assert.deepEqual(located.destinationRoot, { kind: "local", path: join(cwd, to) });
        assert.deepEqual(
          located.single,
          single && { source: single[0], destination: single[1] },
        );
      }),
  });
}

Deno.test("a folder lands in the same place once its destination exists", () =>
  withFolder(async (cwd) => {
    const first = await locate("src", "new", cwd);
    await Deno.mkdir(first.destinationDisplay, { recursive: true });
    assert.deepEqual(await locate("src", "new", cwd), first);
  }));

const FAILURES: [string, string, string, RegExp][] = [
  ["missing", "new", "not_found", /"missing": No such file/],
  ["file/", "new", "not_directory", /ends in a slash/],
  ["src/", "file", "not_directory", /"file" exists and is not a directory/],
  ["src", "file", "not_directory", /not a directory/],
  ["file", "file/", "not_directory", /not a directory/],
  ["file/x", "new", "not_directory", /file\/x": Not a directory .* check the path/],
  ["src/", "file/x", "not_directory", /file\/x": Not a directory .* check the path/],
  [
    "src/",
    "dangling",
    "not_found",
    /dangling" is a symlink to what isn't there\. Is that mounted\?/,
  ],
  ["file", "dangling/", "not_found", /dangling" is a symlink to what isn't there/],
  ["src", "dangling/a/b", "not_found", /dangling" is a symlink to what isn't there/],
  ["src", "there", "refused", /"[^"]*there[/\\]src" is a symlink/],
];

for (const [source, destination, kind, message] of FAILURES) {
  Deno.test({
    name: `${source} to ${destination} fails as ${kind}`,
    // Windows says that nothing is there.
    ignore: (!LINKS && (kind === "refused" || destination.startsWith("dangling"))) ||
      (Deno.build.os === "windows" && /e\/x/.test(source + destination)),
    fn: () =>
      withFolder(async (cwd) => {
        await assert.rejects(
          locate(source, destination, cwd),
          (error) =>
            error instanceof BlitError && error.kind === kind && message.test(error.message),
        );
      }),
  });
}

Deno.test({
  name: "a path through a link and .. means what the system means by it",
  ignore: !LINKS,
  fn: () =>
    withFolder(async (cwd) => {
      await Deno.mkdir(join(cwd, "src", "deep"));
      await Deno.symlink("src/deep", join(cwd, "link"));
      assert.equal(absolutePath("link/..", cwd), join(cwd, "src"));
      assert.equal(absolutePath("link/../x", cwd), join(cwd, "src", "x"));
      assert.equal(absolutePath("link/../../dirlink", cwd), join(cwd, "dirlink"));
      assert.equal(absolutePath("link/../x/", cwd), join(cwd, "src", "x"));
    }),
});

Deno.test("a text names a directory where it ends in a slash or dots", () => {
  const yes = ["a/", "/", ".", "..", "a/.", "a/..", "a//"];
  const no = ["a", "a..", "a.", "...", ".a", "a/..b"];
  assert.deepEqual([...yes, ...no].filter(endsInDirectory), yes);
});
