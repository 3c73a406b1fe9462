/**
 * What the user that a daemon runs as may not do, as its clients are told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DaemonHome } from "../support/daemon_process.ts";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, testOrSkip } from "../support/loop_fs.ts";

testOrSkip(
  "what the daemon's user may not do is told as that user's, with the path that was meant",
  async (dir) => {
    need(needsRoot() ?? needsPrograms("setpriv"));
    // Root without root's powers.
    using home = new DaemonHome({
      wrapper: ["setpriv", "--bounding-set=-dac_override,-dac_read_search"],
    });
    await dir.write({ "src/a": "1", "src/d/b": "2", "closed/in/c": "", "served/": "" });
    for (const [folder, mode] of [["served", 0o755], ["closed", 0o700]] as const) {
      await Deno.chmod(join(dir.path, folder), mode);
      await Deno.chown(join(dir.path, folder), 65534, 65534);
    }
    const config = (path: string) =>
      home.write("d.jsonc", `{ "modules": [{ "name": "m", "path": "${join(dir.path, path)}" }] }`);
    const refused = await home.run("--config", config("closed/in"));
    assert.equal(refused.code, 64);
    assert.match(
      refused.stderr,
      /closed\/in" can't be reached by the user that blit-daemon runs as\. /,
    );

    const state = ["token", "list", "--state", join(dir.path, "closed")];
    const foreign = await home.run(...state);
    assert.equal(foreign.code, 1);
    assert.match(
      foreign.stderr,
      /tokens\.json": Permission denied .* Run as root, or as the user that blit-daemon/,
    );

    const daemon = await home.start("--config", config("served"));
    try {
      const place = `127.0.0.1:${daemon.ready.port}:/m`;
      const user = /Permission denied.* What counts is the user that blit-daemon runs as there: /;
      for (const destination of [`${place}/`, `${place}/new/`]) {
        const ran = await dir.blit("copy", "src/", destination);
        assertStatus(ran, 1);
        assert.match(ran.stderr, user);
      }
      const single = await dir.blit("copy", "src/a", `${place}/renamed`);
      assertStatus(single, 2);
      assert.match(single.stderr, user);
      assert.ok(single.stderr.includes(`Cannot create "${place}/renamed": `), single.stderr);
    } finally {
      await daemon.stop();
    }
  },
);
