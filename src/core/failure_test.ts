import assert from "node:assert/strict";
import { nameOsError } from "./errno.ts";
import { type ErrorKind, STATUS } from "./error.ts";
import { asServed, describeFailure } from "./failure.ts";
import { textToName } from "./rel_path.ts";
import { STEPS } from "./work_batch.ts";

const step = (words: (typeof STEPS)[number]) => STEPS.indexOf(words);

Deno.test("a failure says what failed, where, why, and what to do", () => {
  const error = describeFailure({
    status: STATUS.permission,
    os: 13,
    step: step("replace"),
    path: "a/b",
    family: "linux",
  });
  assert.equal(
    error.message,
    'Cannot replace "a/b": Permission denied (EACCES). Run as its owner, or leave it out with --exclude.',
  );
  assert.equal(error.kind, "permission");
  assert.equal(error.operation, "replace");
  assert.equal(error.path, "a/b");
  assert.deepEqual(error.os, { errno: 13, code: "EACCES" });
});

Deno.test("the same number is named by the system it came from", () => {
  const message = (family: "linux" | "darwin" | "windows") =>
    describeFailure({ status: STATUS.no_space, os: 39, step: step("write"), path: "x", family })
      .message;
  assert.match(message("linux"), /ENOTEMPTY/);
  assert.match(message("darwin"), /system error 39/);
  assert.match(message("windows"), /ERROR_HANDLE_DISK_FULL/);
});

Deno.test("on Windows a path of its own is told with backslashes, a daemon's with slashes", () => {
  const shown = (root: string, more = {}) =>
    describeFailure({
      status: STATUS.io,
      step: 0,
      path: textToName("a/é"),
      root,
      family: "windows",
      ...more,
    }).path;
  assert.equal(shown("C:\\photos"), "C:\\photos\\a\\é");
  assert.equal(shown("C:\\"), "C:\\a\\é");
  assert.equal(shown("nas:/photos"), "nas:/photos/a/é");
  assert.equal(shown("/photos", { family: "linux" }), "/photos/a/é");
});

Deno.test("every kind has a reason and advice, each a sentence", () => {
  for (const kind of Object.keys(STATUS) as ErrorKind[]) {
    const { message, advice } = describeFailure({ status: STATUS[kind], step: 0, path: "p" });
    assert.match(message, /^Cannot process "p": [A-Z][^:]*\. [A-Z].*\.$/, kind);
    assert.match(advice!, /\.$/, kind);
  }
});

Deno.test("a status or step that is unknown is another version's", () => {
  const error = describeFailure({ status: 999, step: 999, path: "" });
  assert.equal(error.kind, "mismatch");
  assert.match(error.message, /^Cannot process "\.": .* different versions/);
});

Deno.test("a path is shown escaped", () => {
  const error = describeFailure({ status: STATUS.io, step: step("read"), path: "a\nb\xff" });
  assert.match(error.message, /"a\\nb\\xff"/);
});

Deno.test("what a daemon's own trees threw is told as to somebody elsewhere", () => {
  const own = describeFailure({ status: STATUS.read_only, step: step("create"), path: "p" });
  const { kind, message, advice, path } = asServed(own);
  assert.deepEqual([kind, path], ["read_only", "p"]);
  assert.match(
    message,
    /^Cannot create "p": Read-only file system\. On its machine, .*ReadWritePaths=/,
  );
  assert.ok(message.endsWith(advice!));
  const other = describeFailure({ status: STATUS.io, step: step("create"), path: "p" });
  assert.equal(asServed(other), other);
});

Deno.test("advice follows the step and the system's error", () => {
  const advice = (kind: ErrorKind, words: (typeof STEPS)[number], os = 0) =>
    describeFailure({ status: STATUS[kind], os, step: step(words), path: "p", family: "linux" })
      .advice;
  assert.match(advice("permission", "set owner of", 1)!, /root/);
  const served = describeFailure({
    status: STATUS.permission,
    step: step("create"),
    path: "p",
    target: "destination",
    isServed: true,
  });
  assert.match(served.message, /the user that blit-daemon runs as there/);
  assert.match(advice("changed", "remove")!, /kept/);
  assert.match(advice("no_space", "write", 122)!, /quota/);
  assert.match(advice("io", "write", 27)!, /FAT32.*--max-size/);
  assert.match(advice("permission", "remove", 1)!, /^Run as its owner\. .*lsattr/);
  assert.doesNotMatch(advice("permission", "remove", 13)!, /lsattr/);
  assert.match(advice("busy", "remove", 16)!, /End what uses it/);
  assert.match(advice("io", "read", 116)!, /file server/);
});

Deno.test("system errors have one name per number", () => {
  for (const family of ["linux", "darwin"] as const) {
    assert.equal(nameOsError(0, family), null);
    assert.equal(nameOsError(-1, family), null);
    assert.equal(nameOsError(2, family)?.code, "ENOENT");
  }
  assert.equal(nameOsError(104, "linux")?.words, nameOsError(54, "darwin")?.words);
  assert.equal(nameOsError(95, "linux")?.code, "EOPNOTSUPP");
  assert.equal(nameOsError(45, "darwin")?.code, "ENOTSUP");
  assert.equal(nameOsError(5, "windows")?.code, "ERROR_ACCESS_DENIED");
});

Deno.test("a name that the file system doesn't take is told as that, and not as a disk's failure", () => {
  const message = (words: (typeof STEPS)[number], os: number) =>
    describeFailure({ status: STATUS.io, os, step: step(words), path: "a:b", family: "linux" })
      .message;
  for (const words of ["create", "replace", "make directory", "rename", "link"] as const) {
    assert.match(message(words, 22), /takes no such name .*rename it/);
  }
  assert.match(message("open", 84), /takes no such name/);
  assert.match(message("write", 22), /Check the disk/);
  assert.match(message("link", 31), /takes no more names of one file/);
});
