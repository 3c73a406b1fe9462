import assert from "node:assert/strict";
import { GLIBC_FLOOR, glibcOf } from "../../packaging/npm.ts";

Deno.test("the glibc that a library needs is the newest version that it names", () => {
  const library = (names: string) => new TextEncoder().encode(`ELF\0${names}\0`);
  assert.equal(glibcOf(library("GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE")), "2.34");
  assert.equal(glibcOf(library("nothing")), null);
});

Deno.test("the stated floor of glibc is that of Debian 12, Ubuntu 22.04 and RHEL 9, or older", () => {
  assert.ok(Number(GLIBC_FLOOR.slice(2)) <= 34);
});
