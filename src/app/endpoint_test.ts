import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { localPath, parseEndpoint } from "./endpoint.ts";

const LOCAL = ["a", "a/b:c", "./a:b", "/x:y/z", "..", "a..b", "~", "[x]", "a b", "\\x", "-"];

for (const text of LOCAL) {
  Deno.test(`the name ${JSON.stringify(text)} is local`, () => {
    assert.deepEqual(parseEndpoint(text, "linux"), { kind: "local", path: text });
  });
}

const REMOTE: [text: string, host: string, port: number | null, path: string][] = [
  ["nas:/m/p", "nas", null, "/m/p"],
  ["nas://p", "nas", null, "//p"],
  ["nas:9031:/m", "nas", 9031, "/m"],
  ["nas:9031://m", "nas", 9031, "//m"],
  ["192.168.0.2:/m/a:b", "192.168.0.2", null, "/m/a:b"],
  ["[::1]:/m", "::1", null, "/m"],
  ["[::1]:9031:/m", "::1", 9031, "/m"],
  ["[fe80::1%eth0]:/m", "fe80::1%eth0", null, "/m"],
  ["C:/m", "C", null, "/m"],
];

for (const [text, host, port, path] of REMOTE) {
  Deno.test(`${text} is remote`, () => {
    assert.deepEqual(parseEndpoint(text, "linux"), { kind: "remote", host, port, path });
  });
}

for (const text of ["nas:m", "a:b", "nas:", "nas:9031", "nas:99999:/m", "::1:/m", "[::1]:m"]) {
  Deno.test(`${text} is neither, and the local spelling is advised`, () => {
    assert.throws(
      () => parseEndpoint(text, "linux"),
      (error) =>
        error instanceof BlitError && error.kind === "usage" &&
        error.message.includes(`"./${text}"`),
    );
  });
}

Deno.test("a drive letter is local on Windows, with either slash", () => {
  for (const text of ["C:\\x", "c:/x", "C:", "\\\\nas\\share", "a\\b:c"]) {
    assert.equal(parseEndpoint(text, "windows").kind, "local");
  }
});

Deno.test("a remote endpoint is refused as unsupported, never taken for a local folder", () => {
  assert.throws(
    () => localPath("host:9031://m", "linux"),
    (error) => error instanceof BlitError && error.kind === "unsupported",
  );
});

Deno.test("an empty path and a NUL are usage errors", () => {
  for (const text of ["", "a\0b"]) {
    assert.throws(
      () => parseEndpoint(text),
      (error) => error instanceof BlitError && error.kind === "usage",
    );
  }
});
