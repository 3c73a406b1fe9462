import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { listenError } from "./listen.ts";

function ofCode(code: string): Error {
  return Object.assign(new Error(`listen ${code}`), { code });
}

Deno.test("a port that can't be listened on is said to be taken, forbidden or nobody's, by Deno and by node", () => {
  const cases: [unknown, string, RegExp][] = [
    [ofCode("EADDRINUSE"), "busy", /127\.0\.0\.1:9031: the port is taken\. .*choose another one/],
    [new Deno.errors.AddrInUse("in use"), "busy", /the port is taken/],
    [ofCode("EACCES"), "permission", /\(EACCES\)\. Choose a port over 1023/],
    [new Deno.errors.PermissionDenied("no"), "permission", /over 1023/],
    [ofCode("EADDRNOTAVAIL"), "not_found", /this machine doesn't have the address\. .*start again/],
    [ofCode("EINVAL"), "not_found", /doesn't have the address/],
    [new Deno.errors.AddrNotAvailable("no"), "not_found", /doesn't have the address/],
    [ofCode("ENOTFOUND"), "usage", /ENOTFOUND\. Check the address/],
    ["odd", "usage", /: odd\. Check the address/],
  ];
  for (const [thrown, kind, message] of cases) {
    const error = listenError(thrown, "127.0.0.1", 9031);
    assert.ok(error instanceof BlitError && error.cause === thrown);
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
  }
  assert.match(listenError(ofCode("EADDRINUSE"), "::1", 1).message, /\[::1\]:1:/);
});
