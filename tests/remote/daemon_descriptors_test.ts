/**
 * A crowd at a daemon that may have few descriptors open.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";

/** Fewer than the crowd's connections alone. */
const DESCRIPTORS = 192;
/** Each address of the crowd makes as many connections as one may. */
const ADDRESSES = 5, OF_EACH = 64;

testOrSkip("a crowd at a daemon with few descriptors keeps nobody out, then or later", (dir) => {
  need(needsPrograms("prlimit"));
  const wrapper = ["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`];
  return served(dir, WAYS[0], async (there) => {
    await there.daemon.says(/only 192 descriptors/);
    await dir.write({ "src/a": "a" });
    const crowd: Socket[] = [];
    for (let i = 0; i < ADDRESSES; i++) {
      const made = Array.from({ length: OF_EACH }, () => {
        const host = "127.0.0.1";
        return connect({ host, port: there.daemon.ready.port, localAddress: `127.0.0.${i + 2}` });
      });
      await Promise.all(made.map((socket) =>
        new Promise<void>((resolve) => {
          socket.on("error", () => {}).once("connect", () => resolve()).once(
            "close",
            () => resolve(),
          );
        })
      ));
      crowd.push(...made);
    }
    assertStatus(await there.blit("copy", "src/", `${there.host}:/m/meanwhile`), 0);
    for (const socket of crowd) socket.destroy();
    assertStatus(await there.blit("copy", "src/", `${there.host}:/m/later`), 0);
    for (const place of ["meanwhile", "later"]) {
      assert.equal(await Deno.readTextFile(`${there.folder}/${place}/a`), "a");
    }
  }, { daemon: { wrapper } });
});
