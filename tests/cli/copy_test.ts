/**
 * copy, mirror, move and check from the command line.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { scratch } from "../support/cli.ts";
import { needsSymlinks } from "../support/needs.ts";

const LINK = needsSymlinks() === null ? "-> a.jpg" : "no link";
const PHOTOS = { "photos/a.jpg": "1", "photos/b/c.jpg": "22", "photos/link": LINK };
const INSIDE = { "a.jpg": "1", "b/c.jpg": "22", link: LINK };

Deno.test(
  "copy SRC lands as DST/name, and a second run finds nothing to do",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    for (let i = 0; i < 2; i++) {
      const ran = await dir.blit("copy", "photos", "nas");
      assert.equal(ran.status, 0, ran.stderr);
      assert.match(ran.stdout, i === 0 ? /^Copied 3 files \(/ : /^Nothing to do: 3 files the same/);
    }
    assert.deepEqual(await dir.files("nas"), PHOTOS);
  }),
);

Deno.test(
  "copy SRC/ puts its contents into DST, and says where before it begins",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const { status, stderr } = await dir.blit("copy", "photos/", "nas/x");
    assert.equal(status, 0, stderr);
    assert.ok(stderr.startsWith(`photos/ → ${join(dir.path, "nas", "x")}\n`), stderr);
    assert.deepEqual(await dir.files("nas/x"), INSIDE);
  }),
);

Deno.test(
  "one file goes into a folder, or becomes the name",
  scratch(async (dir) => {
    await dir.write({ file: "x", "there/": "" });
    for (const target of ["there", "new/", "name"]) {
      assert.equal((await dir.blit("copy", "file", target)).status, 0);
    }
    assert.deepEqual(await dir.files(), {
      file: "x",
      name: "x",
      "new/file": "x",
      "there/file": "x",
    });
  }),
);

Deno.test(
  "quiet prints nothing but errors",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const ran = await dir.blit("copy", "-q", "photos", "nas");
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "", ""]);
    assert.match(
      (await dir.blit("copy", "-q", "missing", "nas")).stderr,
      /^error: Cannot read "missing"/,
    );
  }),
);

Deno.test(
  "a dry run prints each entry with its reason, and touches nothing",
  scratch(async (dir) => {
    await dir.write({ ...PHOTOS, "nas/old": "x" });
    const ran = await dir.blit("mirror", "--dry-run", "photos/", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^create {3}a\.jpg {2}\(new, 1 B\)$/m);
    assert.match(ran.stdout, /^delete {3}old {2}\(not in the source/m);
    assert.match(ran.stdout, /^Would copy 3 files.* delete 1\. Nothing was changed\.$/m);
    assert.deepEqual(await dir.files("nas"), { old: "x" });
  }),
);

Deno.test(
  "a dry run to a place that doesn't exist makes nothing",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    assert.equal((await dir.blit("copy", "-n", "photos", "new/deep")).status, 0);
    assert.deepEqual(await dir.files(), PHOTOS);
  }),
);

Deno.test(
  "mirror deletes what is only at the destination, and keeps the rest",
  scratch(async (dir) => {
    await dir.write({ ...PHOTOS, "nas/old/x": "x", "nas/a.jpg": "other" });
    const ran = await dir.blit("mirror", "--yes", "photos/", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(await dir.files("nas"), INSIDE);
  }),
);

Deno.test(
  "mirror refuses an empty source, and says which option allows it",
  scratch(async (dir) => {
    await dir.write({ "empty/": "", "nas/x": "x" });
    const ran = await dir.blit("mirror", "--yes", "empty/", "nas");
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, /is empty.*--allow-empty-source/);
    assert.deepEqual(await dir.files("nas"), { x: "x" });
    const allowed = await dir.blit("mirror", "-y", "--allow-empty-source", "empty/", "nas");
    assert.equal(allowed.status, 0, allowed.stderr);
    assert.deepEqual(await dir.files("nas"), {});
  }),
);

Deno.test(
  "mirror onto the home directory needs --allow-root, and --yes is no answer to that",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "precious": "x" });
    const at = (path: string) => ({ env: { HOME: path, USERPROFILE: path } });
    const ran = await dir.blitWith(at(dir.path), "mirror", "--yes", "src/", ".");
    assert.equal(ran.status, 1);
    const home = await dir.blitWith(at(join(dir.path, "nas")), "mirror", "-y", "src/", dir.path);
    assert.equal(home.status, 1);
    assert.deepEqual(await dir.files(), { precious: "x", "src/a": "1" });
  }),
);

Deno.test(
  "without a terminal and --yes, what deletes is refused with 64 before anything is touched",
  scratch(async (dir) => {
    await dir.write({ ...PHOTOS, "nas/old": "x" });
    const before = await dir.files();
    for (
      const args of [["mirror", "photos/", "nas"], ["move", "photos", "new"], ["rm", "photos"]]
    ) {
      const { status, stderr } = await dir.blit(...args);
      assert.equal(status, 64, stderr);
      assert.match(stderr, /error: This deletes; add --yes in scripts, or --dry-run to look\.\n$/);
    }
    assert.deepEqual(await dir.files(), before);
  }),
);

Deno.test(
  "mirror onto an empty or missing destination asks nothing",
  scratch(async (dir) => {
    await dir.write({ ...PHOTOS, "empty/": "" });
    assert.equal((await dir.blit("mirror", "photos/", "empty")).status, 0);
    assert.equal((await dir.blit("mirror", "photos/", "missing")).status, 0);
  }),
);

Deno.test(
  "move takes the source away, and refuses filters",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const filtered = await dir.blit("move", "-y", "--exclude", "*.jpg", "photos", "nas");
    assert.equal(filtered.status, 64);
    assert.match(filtered.stderr, /Filters don't go with move/);
    const ran = await dir.blit("move", "-y", "photos", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(await dir.files(), {
      "nas/photos/a.jpg": "1",
      "nas/photos/b/c.jpg": "22",
      "nas/photos/link": LINK,
    });
  }),
);

Deno.test(
  "check: 0 the same, 1 different, 2 errors",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    assert.equal((await dir.blit("copy", "photos", "nas")).status, 0);
    const same = await dir.blit("check", "photos", "nas");
    assert.deepEqual([same.status, /^The same: 3 files compared/.test(same.stdout)], [0, true]);
    await dir.write({ "nas/photos/extra": "x" });
    const extra = await dir.blit("check", "photos", "nas");
    assert.equal(extra.status, 1);
    assert.match(extra.stdout, /^extra {4}extra {2}\(not in the source, 1 B\)$/m);
    assert.equal((await dir.blit("check", "--one-way", "photos", "nas")).status, 0);
    assert.equal((await dir.blit("check", "photos", "nowhere")).status, 2);
    assert.equal((await dir.blit("check", "photos")).status, 64);
  }),
);

Deno.test(
  "check sees content that size and time hide",
  scratch(async (dir) => {
    await dir.write({ "a/f": "one", "b/f": "two" });
    for (const name of ["a", "a/f", "b", "b/f"]) await Deno.utime(join(dir.path, name), 1, 1);
    assert.equal((await dir.blit("check", "a/", "b")).status, 1);
  }),
);

Deno.test(
  "--json prints one object on stdout, and nothing else anywhere",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const ran = await dir.blit("copy", "--json", "photos", "nas");
    assert.equal(ran.stderr, "");
    const { operation, files_transferred, failures, exit_status, dry_run } = ran.json();
    assert.deepEqual([operation, files_transferred, failures, exit_status, dry_run], [
      "copy",
      3,
      [],
      0,
      false,
    ]);
    assert.equal(ran.json().destination, join(dir.path, "nas/photos"));
  }),
);

Deno.test(
  "--json -p sends events as NDJSON on stderr",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const { stderr } = await dir.blit("copy", "--json", "-p", "-v", "photos", "nas");
    const events = stderr.trim().split("\n").map((line) => JSON.parse(line));
    const types = new Set(events.map(({ type }) => type));
    for (const type of ["start", "decision", "item"]) assert.ok(types.has(type), type);
    assert.ok(events.every(({ schema }) => schema === 1));
  }),
);

Deno.test(
  "--json prints an object too where the command fails",
  scratch(async (dir) => {
    const ran = await dir.blit("copy", "--json", "missing", "nas");
    assert.equal(ran.status, 1);
    assert.deepEqual([ran.json().error.kind, ran.json().exit_status], ["not_found", 1]);
  }),
);

Deno.test(
  "rules come from options, files and settings",
  scratch(async (dir) => {
    await dir.write({
      "src/a.tmp": "1",
      "src/b.o": "1",
      "src/c.log": "1",
      "src/d": "1",
      rules: "- *.o\n",
    });
    await dir.settings('{ "exclude": ["*.log"] }');
    const ran = await dir.blit(
      "copy",
      "src/",
      "dst",
      "--exclude",
      "*.tmp",
      "--filter-from",
      "rules",
    );
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(await dir.files("dst"), { d: "1" });
  }),
);

Deno.test(
  "--files-from takes what a list names, from a file or from standard input",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "2", "src/d": "3", list: "# these\nb/c\nd\n" });
    assert.equal((await dir.blit("copy", "--files-from", "list", "src/", "one")).status, 0);
    assert.deepEqual(await dir.files("one"), { "b/c": "2", d: "3" });
    const piped = await dir.blitWith(
      { stdin: "a\0d\0" },
      "copy",
      "--files-from",
      "-",
      "src/",
      "two",
    );
    assert.equal(piped.status, 0, piped.stderr);
    assert.deepEqual(await dir.files("two"), { a: "1", d: "3" });
    await dir.write({ misspelt: "src/a\n" });
    const unlisted = await dir.blit("copy", "--files-from", "misspelt", "src/", "four");
    assert.equal(unlisted.status, 2);
    assert.match(
      unlisted.stderr,
      /src[\\/]src[\\/]a": No such file .* its paths begin below the source\./,
    );
    const single = await dir.blit("copy", "--files-from", "list", "list", "five");
    assert.equal(single.status, 64);
    assert.match(single.stderr, /names paths in a folder, and "list" is none/);
    const missing = await dir.blit("copy", "--files-from", "nolist", "src/", "three");
    assert.deepEqual([missing.status, /Cannot open "nolist"/.test(missing.stderr)], [1, true]);
    const folder = await dir.blit("copy", "--files-from", "src", "src/", "three");
    assert.deepEqual([folder.status, /(open|read) "src": /.test(folder.stderr)], [1, true]);
  }),
);

Deno.test(
  "--json prints an object for whatever keeps a run from beginning",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1" });
    const filtered = await dir.blit("copy", "--json", "--filter-from", "no", "src/", "dst");
    const told = filtered.json();
    assert.deepEqual([told.operation, told.error.kind, told.exit_status], ["copy", "not_found", 1]);
    assert.equal(filtered.status, 1);
    await dir.settings('{ "fsync": "yes" }');
    const unset = await dir.blit("mirror", "--json", "--yes", "src/", "dst");
    assert.deepEqual([unset.json().error.kind, unset.status], ["usage", 64]);
    assert.match(unset.stderr, /"fsync": expected true or false/);
    assert.deepEqual(Object.keys(await dir.files()), ["src/a"]);
  }),
);

Deno.test(
  "a list on standard input may stay silent for longer than anything else",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b": "2" });
    const child = dir.spawn({}, "copy", "--files-from", "-", "src/", "dst");
    const told = [new Response(child.stdout).text(), new Response(child.stderr).text()];
    const list = child.stdin.getWriter();
    await list.write(new TextEncoder().encode("a\n"));
    // A second more than what counts as a stall.
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    await list.write(new TextEncoder().encode("b\n")).catch(() => {});
    await list.close().catch(() => {});
    const { code } = await child.status;
    assert.equal(code, 0, (await Promise.all(told)).join(""));
    assert.deepEqual(await dir.files("dst"), { a: "1", b: "2" });
    await Promise.all(told);
  }),
);

Deno.test(
  "--null reads everything and writes nothing, under a banner",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const ran = await dir.blit("copy", "--null", "photos", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /^DEBUG: nothing is written\./m);
    assert.deepEqual(await dir.files(), PHOTOS);
  }),
);

Deno.test(
  "--workers and --max-threads print a banner",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const ran = await dir.blit("copy", "--workers", "1", "--max-threads", "2", "photos", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /^DEBUG: 1 workers, 2 threads\./m);
  }),
);

Deno.test(
  "-v prints the path that was taken and why, and the predictions",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const { stdout, stderr } = await dir.blit("copy", "-v", "photos/a.jpg", "nas");
    assert.match(stderr, /^path: direct \(/m);
    assert.match(stdout, /^create {3}/m);
  }),
);

Deno.test(
  "overlapping trees and the same file are refused",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    for (
      const [source, target] of [["photos/", "photos/b"], ["photos/", "photos"], [
        "photos/a.jpg",
        "photos",
      ]]
    ) {
      const { status, stderr } = await dir.blit("copy", source, target);
      assert.equal(status, 1);
      assert.match(stderr, /overlap|same/);
    }
    assert.deepEqual(await dir.files(), PHOTOS);
  }),
);

Deno.test(
  "a mistake in the settings is reported with file, line and column, and nothing runs",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    await dir.settings('{\n  "gitignroe": true\n}');
    const { status, stderr } = await dir.blit("copy", "photos", "nas");
    assert.equal(status, 64);
    assert.match(
      stderr,
      /settings\.jsonc:2:3: unknown setting "gitignroe"\. Did you mean "gitignore"\?/,
    );
    assert.deepEqual(await dir.files(), PHOTOS);
  }),
);

Deno.test(
  "wrong usage is one line and 64, without a stack",
  scratch(async (dir) => {
    for (
      const line of [
        "",
        "cpoy",
        "copy a",
        "copy a b --bogus",
        "copy nas: b",
        "copy nas:b c",
        "ls a b",
      ]
    ) {
      const { status, stdout, stderr } = await dir.blit(...line.split(" ").filter((word) => word));
      assert.deepEqual([status, stdout], [64, ""], line);
      assert.match(stderr, /^error: .+\n$/, line);
    }
  }),
);

Deno.test(
  "without the native library blit works, and says so in a line",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const ran = await dir.blitWith({ env: { BLIT_NO_NATIVE: "1" } }, "copy", "photos", "nas");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stderr, /^warning: Going on without the native library/m);
    assert.deepEqual(await dir.files("nas"), PHOTOS);
  }),
);

Deno.test(
  "a native library that can't be opened is an error, not a surprise",
  scratch(async (dir) => {
    await dir.write(PHOTOS);
    const { status, stderr } = await dir.blitWith(
      { env: { BLIT_NATIVE_LIB: "/nonexistent.so" } },
      "copy",
      "photos",
      "nas",
    );
    assert.equal(status, 64);
    assert.match(stderr, /BLIT_NATIVE_LIB/);
  }),
);

Deno.test(
  "what goes up from a link goes up from where it leads, as for the system",
  scratch(async (dir) => {
    await dir.write({ "there/file": "right", file: "wrong", "there/deep/": "" });
    await dir.write({ link: "-> there/deep" });
    assert.equal((await dir.blit("copy", "link/../file", "copied")).status, 0);
    assert.equal(await Deno.readTextFile(join(dir.path, "copied")), "right");
    const gone = await dir.blit("copy", "nowhere/../file", "never");
    assert.equal(gone.status, 1, gone.stdout);
    assert.match(gone.stderr, /"nowhere\/\.\."/);
  }),
);

Deno.test({
  name:
    "a folder below /dev, which Deno shows to no command that gave up the network, is one like others",
  ignore: Deno.build.os !== "linux",
  fn: scratch(async (dir) => {
    const shm = await Deno.makeTempDir({ dir: "/dev/shm" });
    try {
      await dir.write({ "src/a": "1", "src/b/c": "2" });
      await Deno.symlink(shm, join(dir.path, "link"));
      for (
        const [args, said] of [
          [["mirror", "-y", "src/", `${shm}/new`], /^Copied 2 files/],
          [["check", "src/", `${shm}/new/`], /^The same: 2 files/],
          [["mirror", "-y", `${shm}/new/`, "link/again"], /^Copied 2 files/],
          [["rm", "-y", `${shm}/new`], /^Deleted 4 entries/],
        ] as const
      ) {
        const ran = await dir.blit(...args);
        assert.equal(ran.status, 0, ran.stderr);
        assert.match(ran.stdout, said);
      }
      // Looking around, judging and doing it take one pool of native workers.
      for (const args of [["copy", "src/", `${shm}/counted`], ["rm", "-y", `${shm}/counted`]]) {
        const { stderr } = await dir.blitWith({ env: { BLIT_STATS: "1" } }, ...args);
        assert.equal(stderr.match(/ffi_calls/g)?.length, 1, stderr);
      }
      const overlap = await dir.blit("mirror", "-y", "link/", `${shm}/again/x`);
      assert.match(overlap.stderr, /overlap/);
      const whole = await dir.blit("mirror", "--dry-run", "src/", "/dev");
      assert.match(whole.stderr, /Refusing.*--allow-root/);
    } finally {
      await Deno.remove(shm, { recursive: true });
    }
  }),
});
