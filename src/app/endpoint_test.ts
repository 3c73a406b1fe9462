import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { localPath, parseEndpoint } from "./endpoint.ts";

const LOCAL = ["a", "a/b:c", "./a:b", "/x:y/z", "..", "a..b", "~", "[x]", "a b", "\\x", "-"];

for (const text of LOCAL) {
  Deno.test(`the name ${JSON.stringify(text)} is local`, () => {
    assert.deepEqual(parseEndpoint(text, "linux"), { kind: "local", path: text });
  });
}

/** Text, host, port, module, path; whether it means what is in it. */
const REMOTE: [string, string, number | null, string | null, string, boolean?][] = [
  ["nas:/m/p", "nas", null, "m", "p"],
  ["nas:/m/p/", "nas", null, "m", "p", true],
  ["nas:/m", "nas", null, "m", ""],
  ["nas:/m/", "nas", null, "m", "", true],
  ["nas:/m/.", "nas", null, "m", "", true],
  ["nas:/m//p/./q", "nas", null, "m", "p/q"],
  ["nas://p", "nas", null, "", "p"],
  ["nas://p/q/", "nas", null, "", "p/q", true],
  ["nas://", "nas", null, "", ""],
  ["nas:9031:/m", "nas", 9031, "m", ""],
  ["nas:9031://m", "nas", 9031, "", "m"],
  ["nas:", "nas", null, null, ""],
  ["nas:/", "nas", null, null, ""],
  ["nas:9031", "nas", 9031, null, ""],
  ["nas:9031:", "nas", 9031, null, ""],
  ["192.168.0.2:/m/a:b", "192.168.0.2", null, "m", "a:b"],
  ["[::1]:/m", "::1", null, "m", ""],
  ["[::1]:9031:/m/p", "::1", 9031, "m", "p"],
  ["[::1]", "::1", null, null, ""],
  ["[::1]:9031", "::1", 9031, null, ""],
  ["[fe80::1%eth0]:/m", "fe80::1%eth0", null, "m", ""],
  ["C:/m", "C", null, "m", ""],
];

for (const [text, host, port, module, path, contents = false] of REMOTE) {
  Deno.test(`${text} is remote`, () => {
    assert.deepEqual(parseEndpoint(text, "linux"), {
      kind: "remote",
      host,
      port,
      module,
      path,
      contents,
    });
  });
}

for (const text of ["a:b", "nas:99999:/m", "::1:/m", "[::1]:m", "a b:/c"]) {
  Deno.test(`${text} is neither, and the local spelling is advised`, () => {
    assert.throws(
      () => parseEndpoint(text, "linux"),
      (error) =>
        error instanceof BlitError && error.kind === "usage" &&
        error.message.includes(`"./${text}"`),
    );
  });
}

const MISTAKES: [text: string, meant: string][] = [
  ["nas:photos/2024", "nas:/photos/2024"],
  ["nas//photos", "nas://photos"],
  ["nas:9031//photos", "nas:9031://photos"],
  ["nas:\\photos\\2024", "nas:/photos/2024"],
  ["\\\\nas\\photos", "nas:/photos"],
  ["blit://nas/photos", "nas:/photos"],
];

for (const [text, meant] of MISTAKES) {
  Deno.test(`${text} is no local folder: ${meant} is advised`, () => {
    assert.throws(
      () => parseEndpoint(text, "linux"),
      (error) =>
        error instanceof BlitError && error.kind === "usage" &&
        error.message.includes(`write "${meant}"`),
    );
  });
}

Deno.test("a remote path is written out: .. is refused", () => {
  assert.throws(() => parseEndpoint("nas:/m/../n", "linux"), { kind: "usage" });
});

Deno.test("a drive letter is local on Windows, with either slash", () => {
  for (const text of ["C:\\x", "c:/x", "C:", "\\\\nas\\share", "a\\b:c"]) {
    assert.equal(parseEndpoint(text, "windows").kind, "local");
  }
});

Deno.test("a backslash behind a port is told how to write a place", () => {
  assert.throws(() => parseEndpoint("nas:9031\\m\\p", "windows"), /write "nas:9031:\/m\/p"/);
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
