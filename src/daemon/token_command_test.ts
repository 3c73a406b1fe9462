import assert from "node:assert/strict";
import { join } from "node:path";
import { parseFlags } from "./flags.ts";
import { keepStarted } from "./started.ts";
import { runToken } from "./token_command.ts";
import { TokenStore } from "./tokens.ts";

interface Told {
  readonly out: string[];
  readonly notes: string[];
}

/** A state folder, a configuration beside it, and what `token WORDS --state FOLDER` says. */
function withState(
  test: (token: (...words: string[]) => Told, state: string, config: string) => void,
): () => void {
  return () => {
    const folder = Deno.makeTempDirSync({ prefix: "blit-token-" });
    const state = join(folder, "state"), config = join(folder, "d.jsonc");
    Deno.mkdirSync(state);
    // The folder needn't be there for whoever makes tokens.
    const module = (name: string) => `{ "name": "${name}", "path": "/nonexistent" }`;
    Deno.writeTextFileSync(
      config,
      `{ "root": "/nonexistent", "modules": [${module("photos")}, ${module("music")}] }`,
    );
    const token = (...words: string[]) => {
      const command = parseFlags(["token", ...words, "--state", state]);
      assert.ok(command.kind === "add" || command.kind === "list" || command.kind === "remove");
      const told: Told = { out: [], notes: [] };
      runToken(command, { out: (l) => told.out.push(l), note: (l) => told.notes.push(l) });
      return told;
    };
    try {
      test(token, state, config);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

const add = (name: string, module: string) =>
  ["add", name, "--module", module, "--access", "read"] as const;

Deno.test(
  "a token is for modules of the configuration that the daemon was started with, as it is now",
  withState((token, state, config) => {
    keepStarted(state, { config, root: false });
    for (const [i, module] of ["photos", "/", "*"].entries()) {
      const { out, notes } = token(...add(`user${i}`, module));
      assert.equal(out.length, 1);
      assert.match(notes.join("\n"), /^Token for "user\d"\. It isn't shown again/);
    }
    assert.throws(() => token(...add("bob", "photo")), {
      kind: "usage",
      message: `--module "photo": "${config}" has none of that name. Did you mean photos? ` +
        "It has: /, photos, music. Add it first, or name another configuration with --config.",
    });
    assert.equal(new TokenStore(state).all().length, 3);
    // Not read again by the daemon yet.
    Deno.writeTextFileSync(config, '{ "modules": [{ "name": "films", "path": "/f" }] }');
    token(...add("bob", "films"));
    assert.throws(() => token(...add("carol", "photos")), { kind: "usage" });
  }),
);

Deno.test(
  "a daemon with --root alone has its two modules, one with both has the root besides",
  withState((token, state, config) => {
    keepStarted(state, { config: null, root: true });
    token(...add("a", "default"));
    token(...add("b", "/"));
    assert.throws(() => token(...add("c", "photos")), {
      kind: "usage",
      message: /It has: \/, default\./,
    });
    Deno.writeTextFileSync(config, '{ "modules": [{ "name": "films", "path": "/f" }] }');
    keepStarted(state, { config, root: true });
    token(...add("c", "/"));
    assert.throws(() => token(...add("d", "default")), { kind: "usage" });
  }),
);

Deno.test(
  "--config is another configuration, and one with a mistake is an error only where it was named",
  withState((token, state, config) => {
    assert.throws(() => token(...add("a", "x"), "--config", config), { kind: "usage" });
    token(...add("a", "music"), "--config", config);
    Deno.writeTextFileSync(config, '{ "modul": [] }');
    keepStarted(state, { config, root: false });
    assert.throws(() => token(...add("b", "music"), "--config", config), {
      message: /d\.jsonc:1:3/,
    });
    assert.match(token(...add("b", "music")).notes[0], /weren't checked: .*d\.jsonc:1:3: unknown/);
    Deno.removeSync(config);
    assert.match(token(...add("c", "music")).notes[0], /weren't checked: .*No such file/);
  }),
);

Deno.test(
  "where no daemon was started, or one that kept it in another form, any module is taken, and that is said",
  withState((token, state) => {
    const none =
      /^No daemon that asks for tokens has been started with ".*state" yet\..* --state\.$/;
    assert.match(token(...add("a", "x")).notes[0], none);
    for (const [i, text] of ['{"version":2}', "{", ""].entries()) {
      Deno.writeTextFileSync(join(state, "started.json"), text);
      assert.match(token(...add(`b${i}`, "x"), "--json").notes[0], none);
    }
    assert.equal(token("list").out.length, 4);
    assert.match(token("remove", "a").out[0], /^Removed the token for "a"/);
    assert.equal(token("list", "--json").out.length, 3);
  }),
);

Deno.test("a state folder that isn't there is made by a daemon, not by who makes a token", () => {
  const command = parseFlags(["token", "add", "a", "--module", "m", "--access", "read"]);
  assert.ok(command.kind === "add");
  const folder = join(Deno.makeTempDirSync({ prefix: "blit-token-" }), "no");
  const silent = { out: () => {}, note: () => {} };
  assert.throws(() => runToken({ ...command, state: folder }, silent), {
    kind: "usage",
    message: /there is no such folder/,
  });
  assert.throws(() => Deno.statSync(folder));
  Deno.removeSync(join(folder, ".."));
});
