/**
 * A daemon within another program.
 *
 * @module
 */
import assert from "node:assert/strict";
import { serve } from "../../daemon.ts";
import { copy } from "../../mod.ts";
import { rememberHost } from "../../src/app/hosts.ts";
import { scratch } from "../support/cli.ts";

Deno.test(
  "settings of an embedded daemon are checked as a file's, with the words of a file's",
  scratch(async (dir) => {
    const stateFolder = `${dir.path}/state`;
    const served = (modules: { name: string; path: string }[]) =>
      serve({ modules, stateFolder, cwd: dir.path, port: 0, dataPort: 0 });
    await assert.rejects(served([{ name: "a/b", path: "." }]), {
      kind: "usage",
      message: /expected a name without a slash/,
    });
    await assert.rejects(served([{ name: "a", path: "missing" }]), {
      kind: "usage",
      message: /missing" is no directory/,
    });
  }),
);

Deno.test(
  "an embedded daemon is copied from in the same process, and keeps tokens",
  scratch(async (dir) => {
    await dir.write({ "served/a": "1" });
    await using daemon = await serve({
      modules: [{ name: "served", path: "served" }],
      stateFolder: `${dir.path}/state`,
      cwd: dir.path,
      bind: "127.0.0.1",
      port: 0,
      dataPort: 0,
    });
    assert.equal(daemon.fingerprint, null);
    assert.deepEqual(daemon.counts(), { sessions: 0, connections: 0 });
    rememberHost(dir.configDir, `127.0.0.1:${daemon.port}`, { kind: "plain" });
    const options = { cwd: dir.path, configDir: dir.configDir };
    const { summary } = await copy(`127.0.0.1:${daemon.port}:/served/`, "dst", options);
    assert.equal(summary.outcome, "done");
    const token = daemon.addToken("laptop", ["served"], "read");
    assert.throws(() => daemon.addToken("laptop", ["served"], "read"), { kind: "exists" });
    daemon.removeToken("laptop");
    assert.throws(() => daemon.removeToken("laptop"), { kind: "not_found" });
    assert.ok(token.length > 40);
  }),
);
