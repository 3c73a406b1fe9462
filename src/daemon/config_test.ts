import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { DEFAULTS, isExposed, isSecure } from "./config.ts";
import { parseConfig } from "./config_parse.ts";

const parse = (text: string) =>
  parseConfig(text, "d.jsonc", "/etc", (path) => path === "/gone" ? "is no directory" : null);

Deno.test("a configuration is read with what holds where it says nothing", () => {
  assert.deepEqual(parse(""), DEFAULTS);
  const config = parse(`{
    // where the photos are
    "bind": "0.0.0.0", "port": 0, "root": "srv",
    "modules": [{ "name": "photos", "path": "/srv/photos", "readOnly": true },],
    "limits": { "sessions": 3 },
  }`);
  assert.deepEqual(config.modules.map(({ name, path, readOnly }) => [name, path, readOnly]), [
    ["", "/etc/srv", false],
    ["photos", "/srv/photos", true],
  ]);
  assert.equal(config.limits.sessions, 3);
  assert.equal(config.limits.streams, DEFAULTS.limits.streams);
});

const MISTAKES: [text: string, place: string, message: RegExp][] = [
  ['{"prot": 1}', "1:2", /unknown entry "prot". Did you mean "port"\?/],
  ['{"port": 70000}', "1:10", /"port": expected a port, 0 to 65535/],
  [
    '{"modules": [{"name": "a",\n "pth": "/a"}]}',
    "2:2",
    /unknown entry "pth". Did you mean "path"/,
  ],
  ['{"modules": [{"name": "a"}]}', "1:14", /"modules\[0\]/],
  ['{"modules": [{"name": "a/b", "path": "/a"}]}', "1:23", /"modules\[0\].name": expected a name/],
  ['{"modules": [\n{"name": "a", "path": "/gone"}]}', "2:23", /"\/gone" is no directory/],
  [
    '{"modules": [{"name":"a","path":"/a"},\n{"name":"a","path":"/b"}]}',
    "2:9",
    /there is another module "a"/,
  ],
  ['{"limits": {"sessions": 0}}', "1:25", /"limits.sessions": expected a number of sessions/],
  ['{"limits": {"sesions": 1}}', "1:13", /unknown entry "sesions"/],
  ['{"tls": true}', "1:9", /"tls": expected \{ cert, key \}/],
  ['{"log": "loud"}', "1:9", /expected one of: debug, info/],
  ['{"metrics": "localhost:70000"}', "1:13", /"metrics": expected host:port/],
];
for (const [text, place, message] of MISTAKES) {
  Deno.test(`the mistake in ${JSON.stringify(text)} is reported at ${place}`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof BlitError && error.kind === "usage");
        assert.ok(error.message.startsWith(`d.jsonc:${place}: `), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

Deno.test("only this machine's own addresses are served plain and open unasked", () => {
  for (const bind of ["127.0.0.1", "::1", "localhost"]) {
    assert.equal(isSecure({ ...DEFAULTS, bind }), false, bind);
    assert.equal(isExposed({ ...DEFAULTS, bind, insecure: true }), false, bind);
  }
  for (const bind of ["0.0.0.0", "::", "192.168.1.4", "nas", "127.evil.example"]) {
    assert.equal(isSecure({ ...DEFAULTS, bind }), true, bind);
    assert.equal(isExposed({ ...DEFAULTS, bind, insecure: true }), true, bind);
  }
  assert.equal(isSecure({ ...DEFAULTS, tls: { cert: "c", key: "k" } }), true);
});
