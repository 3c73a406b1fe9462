import assert from "node:assert/strict";
import { GLIBC_FLOOR, glibcOf } from "../../packaging/npm.ts";
import { VERSION } from "../../src/app/version.ts";
import { needsOf } from "../../packaging/packages.ts";

Deno.test("the glibc that a library needs is the newest version that it names", () => {
  const library = (names: string) => new TextEncoder().encode(`ELF\0${names}\0`);
  assert.equal(glibcOf(library("GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE")), "2.34");
  assert.equal(glibcOf(library("nothing")), null);
  // So do the packages with a program that has it inside.
  const program = library("GLIBC_2.17\0...\0GLIBC_2.34");
  assert.deepEqual(needsOf(program, "deb"), ["libc6 (>= 2.34)", "libgcc-s1"]);
  assert.deepEqual(needsOf(program, "rpm"), ["glibc >= 2.34", "libgcc"]);
});

Deno.test("the stated floor of glibc is that of Debian 12, Ubuntu 22.04 and RHEL 9, or older", () => {
  assert.ok(Number(GLIBC_FLOOR.slice(2)) <= 34);
});

Deno.test("the package that finds the others is made alone of those that are there, in this version", () => {
  const out = Deno.makeTempDirSync({ prefix: "blit-npm-" });
  const script = new URL("../../packaging/npm.ts", import.meta.url).pathname;
  const made = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, "--out", out, "--finder", ...args],
      stdout: "null",
      stderr: "null",
    }).outputSync().code;
  const put = (name: string, version: string) => {
    Deno.mkdirSync(`${out}/${name}`);
    Deno.writeTextFileSync(`${out}/${name}/package.json`, JSON.stringify({ version }));
  };
  try {
    put("native-linux-x64", "0.0.1");
    assert.equal(made(), 1);
    assert.equal(made("linux-x64"), 64);
    put("native-macos-arm64", VERSION);
    assert.equal(made(), 0);
    const about = JSON.parse(Deno.readTextFileSync(`${out}/native/package.json`));
    assert.deepEqual(about.optionalDependencies, { "@blit/native-macos-arm64": VERSION });
    assert.equal(about.publishConfig.access, "public");
  } finally {
    Deno.removeSync(out, { recursive: true });
  }
});
