/**
 * What a running daemon may still do is what its configuration needs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DaemonHome } from "../support/daemon_process.ts";
import { rawClient } from "./daemon_support.ts";

Deno.test("a daemon that only serves may neither connect nor write; one that fetches may", async () => {
  using home = new DaemonHome();
  const config = (module: object) =>
    JSON.stringify({ log: "debug", modules: [{ name: "m", path: ".", ...module }] });
  home.write("d.jsonc", config({}));
  const serving = await home.start("--config", "d.jsonc");
  try {
    await serving.says(/permissions from now on: read, env, sys"/);
    // It still takes connections, and serves.
    const client = rawClient(serving.ready, null);
    assert.equal((await client.admin.listModules({})).modules.length, 1);
    home.write("d.jsonc", config({ comment: "new", delegation: ["nas"] }));
    serving.signal("SIGHUP");
    await serving.says(/changed only at the next start: delegation/);
    assert.equal((await client.admin.listModules({})).modules[0].comment, "new");
    client.close();
  } finally {
    assert.equal(await serving.stop(), 0);
  }
  const fetching = await home.start("--config", "d.jsonc");
  try {
    await fetching.says(/permissions from now on: read, write, net, env, sys"/);
  } finally {
    assert.equal(await fetching.stop(), 0);
  }
});
