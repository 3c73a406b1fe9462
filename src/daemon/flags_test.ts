import assert from "node:assert/strict";
import { helpText, parseFlags, SERVE_FLAGS } from "./flags.ts";

Deno.test("flags are read by the table", () => {
  const command = parseFlags(["--root", "srv", "--port=0", "--read-only", "--no-mdns", "--json"]);
  assert.ok(command.kind === "serve");
  assert.deepEqual(command.flags, {
    config: null,
    state: null,
    root: "srv",
    bind: null,
    port: 0,
    dataPort: null,
    readOnly: true,
    insecure: false,
    mdns: false,
    metrics: null,
    json: true,
    check: false,
  });
  assert.equal(parseFlags(["--help"]).kind, "help");
  for (const name of Object.keys(SERVE_FLAGS)) assert.ok(helpText().includes(`--${name}`));
});

Deno.test("tokens are made, listed and removed", () => {
  const words = ["token", "add", "alice", "--module", "a", "--module", "/", "--access", "delete"];
  assert.deepEqual(parseFlags(words), {
    kind: "add",
    name: "alice",
    modules: ["a", "/"],
    access: "delete",
    config: null,
    json: false,
    state: null,
  });
  assert.equal(parseFlags(["token", "list"]).kind, "list");
  assert.deepEqual(parseFlags(["token", "remove", "alice", "--state", "/s"]), {
    kind: "remove",
    name: "alice",
    state: "/s",
  });
});

Deno.test("a mistake on the command line is named in one line", () => {
  const mistakes: [args: string[], message: RegExp][] = [
    [["--prot", "1"], /Unknown flag --prot.*--port/],
    [["--port", "x"], /--port "x": expected a port/],
    [["--port"], /--port needs a value/],
    [["--metrics", "9100"], /--metrics "9100": expected host:port/],
    [["--metrics", "localhost:65536"], /--metrics "localhost:65536": expected host:port/],
    [["--json=1"], /takes no value/],
    [["--mdns-name", "attic"], /--mdns-name is gone since 0\.1\. .* machine's name/],
    [["--force-grpc-data"], /Clients ask for that/],
    [["--no-server-checksums"], /Leave it out/],
    [["tokn", "list"], /token/],
    [["token", "add", "a"], /--module is missing/],
    [["token", "add", "a", "--module", "m"], /--access is missing/],
    [["token", "add", "a", "--module", "m", "--access", "root"], /expected one of: read/],
    [["token", "add", "a b", "--module", "m", "--access", "read"], /expected a name/],
    [["token", "drop"], /token add NAME/],
    [["token", "list", "--access", "read"], /--access means nothing to blit-daemon token list/],
    [["token", "remove", "a", "--module", "m"], /--module means nothing/],
  ];
  for (const [args, message] of mistakes) {
    assert.throws(() => parseFlags(args), (error: Error & { kind?: string }) => {
      assert.equal(error.kind, "usage");
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
  }
});
