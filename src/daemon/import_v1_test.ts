import assert from "node:assert/strict";
import { parseConfig } from "./config_parse.ts";
import { importV1 } from "./import_v1.ts";

const imported = (toml: string) => {
  const { jsonc, notes } = importV1(toml, "v1.toml", "/etc/blit");
  return { config: parseConfig(jsonc, "x.jsonc", "/", () => null), notes, jsonc };
};

Deno.test("every entry of 0.1 is taken over, or named with what took its place", () => {
  const { config, notes, jsonc } = imported(`
    [daemon]
    bind = "10.0.0.7"
    port = 9100
    motd = "hello"
    no_mdns = true
    mdns_name = "files"
    root = "/srv/all"
    root_read_only = true
    no_server_checksums = true

    [[module]]
    name = "photos"
    path = "/srv/photos"
    comment = "everybody's"
    read_only = true
    delegation_allowed = false

    [[module]]
    name = "backup"
    path = "../backup"

    [delegation]
    allow_delegated_pull = true
    allowed_source_hosts = ["nas", "10.0.0.9", "*.lan", "10.0.0.0/8"]
  `);
  const { bind, port, motd, discovery } = config;
  assert.deepEqual({ bind, port, motd, discovery }, {
    bind: "10.0.0.7",
    port: 9100,
    motd: "hello",
    discovery: false,
  });
  assert.deepEqual(
    config.modules.map(({ name, path, comment, readOnly, delegation }) =>
      [name, path, comment, readOnly, delegation.join()].join("|")
    ),
    [
      "|/srv/all||true|",
      "photos|/srv/photos|everybody's|true|",
      "backup|/etc/backup||false|nas,10.0.0.9",
    ],
  );
  for (const word of ["mdns_name", "no_server_checksums", "*.lan", "10.0.0.0/8", "token", "../b"]) {
    assert.ok(notes.some((note) => note.includes(word)), word);
    assert.ok(jsonc.includes(word), word);
  }
});

Deno.test("what 0.1 did where nothing was said stays: every address, the root as module default", () => {
  const { config } = imported('[daemon]\nroot = "/srv"\nroot_read_only = true');
  assert.equal(config.bind, "0.0.0.0");
  assert.deepEqual(config.modules.map(({ name, readOnly }) => [name, readOnly]), [
    ["", true],
    ["default", true],
  ]);
  const nothing = imported("[daemon]\nbind = '127.0.0.1'\nextra = 1\n[other]\n");
  assert.deepEqual(nothing.config.modules, []);
  assert.match(nothing.notes.join("\n"), /"other".*\n.*"daemon.extra".*\n.*Name it as root/);
  assert.doesNotMatch(nothing.notes.join("\n"), /token/);
});

Deno.test("a file that 0.1 wouldn't take is refused with the place", () => {
  const refused = (toml: string, message: RegExp) =>
    assert.throws(() => imported(toml), { kind: "usage", message });
  refused("[daemon]\nbind = [", /^v1\.toml:2:\d+: /);
  refused('[daemon]\nport = "a"', /^v1\.toml: "daemon\.port": expected a port/);
  refused("[[module]]\npath = '/x'", /^v1\.toml: "module\.0\.name"/);
  refused("[daemon]\nport = 70000", /expected a port, 0 to 65535/);
});

Deno.test("what this version doesn't take is named as it is in 0.1's file", () => {
  const two = "[[module]]\nname = 'a'\npath = '/x'\n".repeat(2);
  assert.throws(() => imported(two), {
    kind: "usage",
    message:
      'v1.toml: "modules[1].name": there is another module "a". This version doesn\'t take that: change it there, and import again.',
  });
  const name = /^v1\.toml: "modules\[0\]\.name": expected a name without a slash.*import again/;
  assert.throws(() => imported("[[module]]\nname = 'a/b'\npath = '/x'"), { message: name });
});
