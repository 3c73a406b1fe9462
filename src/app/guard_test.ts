import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { defaultOptions, type Mode, type RunOptions } from "../core/options.ts";
import { needsSymlinks } from "../../tests/support/needs.ts";
import { guardOptions, guardPlaces, guardProtected } from "./guard.ts";
import { systemFolders } from "./system_folders.ts";
import { locate } from "./locate.ts";

const HOME = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME")!;
const LINKS = needsSymlinks() === null;

async function withFolder(test: (cwd: string) => Promise<void>): Promise<void> {
  const cwd = await Deno.realPath(await Deno.makeTempDir({ prefix: "blit-guard-" }));
  try {
    await Deno.mkdir(join(cwd, "a", "b"), { recursive: true });
    await Deno.mkdir(join(cwd, "other"));
    await Deno.writeTextFile(join(cwd, "a", "file"), "");
    if (LINKS) await Deno.symlink("a", join(cwd, "alias"), { type: "dir" });
    await test(cwd);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

async function guard(cwd: string, mode: Mode, source: string, destination: string): Promise<void> {
  await guardPlaces(await locate(source, destination, cwd), defaultOptions(mode));
}

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof BlitError && error.kind === "refused" && message.test(error.message);
}

const REFUSED: [Mode, string, string, RegExp][] = [
  ["copy", "a/", "a", /same directory/],
  ["copy", "a/", "alias", /same directory/],
  ["copy", "alias/", "a", /same directory/],
  ["copy", "a/", "a/b", /destination is inside the source/],
  ["copy", "a", "a", /destination is inside the source/],
  ["copy", "a/", "a/new/deep", /destination is inside the source/],
  ["mirror", "alias/", "a/b", /destination is inside the source/],
  ["mirror", "a/b/", "a", /source is inside the destination/],
  ["mirror", "a/b/", "alias", /source is inside the destination/],
  ["copy", "a/file", "a/file", /same file/],
  ["copy", "a/file", "a", /same file/],
  ["move", "a/file", "alias/file", /same file/],
];

for (const [mode, source, destination, message] of REFUSED) {
  Deno.test({
    name: `${mode} ${source} ${destination} is refused`,
    ignore: !LINKS && /alias/.test(source + destination),
    fn: () =>
      withFolder((cwd) => assert.rejects(guard(cwd, mode, source, destination), refused(message))),
  });
}

const ALLOWED: [Mode, string, string][] = [
  ["copy", "a/", "other"],
  ["copy", "a", "."],
  ["copy", "a/b/", "a"],
  ["move", "a/b/", "a"],
  ["check", "a/", "a"],
  ["mirror", "a/", "aa"],
  ["copy", "a/file", "a/file2"],
];

for (const [mode, source, destination] of ALLOWED) {
  const landsOnItself = mode === "copy" && source === "a" && destination === ".";
  Deno.test(`${mode} ${source} ${destination} is ${landsOnItself ? "refused" : "allowed"}`, () =>
    withFolder(async (cwd) => {
      const guarded = guard(cwd, mode, source, destination);
      if (landsOnItself) await assert.rejects(guarded, refused(/same directory/));
      else await guarded;
    }));
}

Deno.test("going up a level is refused where something would land on the source itself", () =>
  withFolder(async (cwd) => {
    await Deno.mkdir(join(cwd, "a", "b", "b"));
    await assert.rejects(guard(cwd, "copy", "a/b/", "a"), refused(/inside the destination/));
  }));

Deno.test({
  name: "two names of a hardlink whose ends behind a backslash are the same are not the same file",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (cwd) => {
      await Deno.writeTextFile(join(cwd, "x\\end"), "");
      await Deno.link(join(cwd, "x\\end"), join(cwd, "y\\end"));
      await guard(cwd, "copy", "x\\end", "y\\end");
    }),
});

Deno.test("two names of a hardlink are not the same file", () =>
  withFolder(async (cwd) => {
    await Deno.link(join(cwd, "a", "file"), join(cwd, "other", "file"));
    await guard(cwd, "copy", "a/file", "other/file");
  }));

Deno.test("the root, the home directory and what holds it are protected", async () => {
  for (const path of [resolve("/"), HOME, dirname(HOME), `${HOME}/../${basename(HOME)}`]) {
    await assert.rejects(guardProtected(path, "delete"), refused(/--allow-root/));
  }
  await guardProtected(join(HOME, "below"), "delete");
});

Deno.test("a home directory that the environment doesn't name is protected too", async () => {
  const name = Deno.build.os === "windows" ? "USERPROFILE" : "HOME";
  const { homedir } = userInfo();
  try {
    Deno.env.delete(name);
    await assert.rejects(guardProtected(homedir, "delete"), refused(/it is the home directory/));
  } finally {
    Deno.env.set(name, HOME);
  }
});

Deno.test("the system's folders are protected, what is in them isn't", async () => {
  for (const path of systemFolders()) {
    await assert.rejects(guardProtected(path, "delete"), refused(/--allow-root/), path);
  }
  await guardProtected(join(systemFolders()[0], "nothing-of-that-name"), "delete");
});

Deno.test({
  name: "a link to the home directory is protected too",
  ignore: !LINKS,
  fn: () =>
    withFolder(async (cwd) => {
      await Deno.symlink(HOME, join(cwd, "link"), { type: "dir" });
      await assert.rejects(guardProtected(join(cwd, "link"), "delete"), refused(/home/));
    }),
});

function dirnames(path: string): string[] {
  return dirname(path) === path ? [path] : [path, ...dirnames(dirname(path))];
}

Deno.test("a mirror onto the home directory, and its move, need --allow-root", () =>
  withFolder(async (cwd) => {
    // Temporary folders of Windows are in the home directory: there they overlap.
    if (dirnames(cwd).includes(HOME)) return;
    await assert.rejects(guard(cwd, "mirror", "a/", HOME), refused(/--allow-root/));
    await assert.rejects(guard(cwd, "move", `${HOME}/`, "other"), refused(/--allow-root|overlap/));
    await guard(cwd, "copy", "a/", HOME);
    const located = await locate("a/", HOME, cwd);
    const options = defaultOptions("mirror");
    await guardPlaces(located, { ...options, delete: { ...options.delete, allowRoot: true } });
  }));

function options(mode: Mode, change: Partial<RunOptions>): RunOptions {
  return { ...defaultOptions(mode), ...change };
}

Deno.test("options that contradict the mode or each other are usage errors", () => {
  const { filter, compare } = defaultOptions("copy");
  const wrong: [RunOptions, boolean][] = [
    [options("move", { filter: { ...filter, gitignore: true } }), false],
    [options("move", { filter: { ...filter, maxAgeSeconds: 1 } }), false],
    [options("move", {}), true],
    [options("mirror", { discard: true }), false],
    [options("copy", { compare: { ...compare, sizeOnly: true, checksum: true } }), false],
    [options("copy", { compare: { ...compare, sizeOnly: true, ignoreTimes: true } }), false],
  ];
  for (const [given, hasList] of wrong) {
    assert.throws(
      () => guardOptions(given, hasList),
      (error) => error instanceof BlitError && error.kind === "usage",
    );
  }
  guardOptions(options("copy", { discard: true, filter: { ...filter, gitignore: true } }), true);
});
