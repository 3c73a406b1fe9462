/**
 * What a client says of whoever doesn't take it, or takes it no more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { HostTrust } from "../../src/rpc/dial.ts";
import { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { transfer } from "../../src/app/transfer.ts";
import { defaultOptions } from "../../src/core/options.ts";
import { scratch } from "../support/cli.ts";
import { until } from "../support/judges.ts";
import { served, WAYS } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";
import { daemonTest } from "./daemon_support.ts";

const PLAIN: HostTrust = { kind: "plain" };
const PIN: HostTrust = { kind: "pin", sha256: new Uint8Array(32) };

function opening(port: number, trust: HostTrust): Promise<SessionKeeper> {
  return SessionKeeper.open({
    connect: () => ({ name: { host: "127.0.0.1", port }, trust, token: null }),
    session: { module: "m", purpose: "test", agent: "tests" },
    retries: 0,
    retryWaitMs: 0,
  });
}

const SHUT = /^127\.0\.0\.1:\d+ closed the connection without a word\. .*run again, or check/;
const OTHER = /^127\.0\.0\.1:\d+ doesn't answer as a blit daemon does\. Check the port\.$/;

/** Who takes connections, and what is said of it. */
const OTHERS: readonly [string, HostTrust, (socket: Socket) => void, string, RegExp][] = [
  ["closes at once", PLAIN, (socket) => socket.destroy(), "disconnected", SHUT],
  [
    "closes when it is asked",
    PLAIN,
    (socket) => socket.once("data", () => socket.destroy()),
    "disconnected",
    SHUT,
  ],
  ["closes at once, TLS", PIN, (socket) => socket.destroy(), "disconnected", SHUT],
  [
    "speaks HTTP/1.1",
    PLAIN,
    (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    "mismatch",
    OTHER,
  ],
];

for (const [what, trust, take, kind, message] of OTHERS) {
  Deno.test(`a host that ${what} is told apart from a daemon: ${kind}`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      take(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await assert.rejects(opening(port, trust), { kind, message });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

daemonTest("a client that finds no room is told where", async (scene) => {
  const first = await opening(scene.daemon.port, PLAIN);
  try {
    await assert.rejects(opening(scene.daemon.port, PLAIN), {
      kind: "busy",
      message: /^Cannot open a session with 127\.0\.0\.1:\d+\. .* the most that it takes/,
    });
  } finally {
    await first.close();
  }
}, { config: { limits: { ...DEFAULTS.limits, sessions: 1 } } });

Deno.test(
  "a push whose module is taken out of the configuration says so, though its streams break first",
  scratch(async (dir) => {
    smallFiles(join(dir.path, "a"), 5000, 100);
    randomFile(join(dir.path, "a/large"), 16);
    await served(dir, WAYS[0], async (there) => {
      const other = JSON.stringify({ modules: [{ name: "other", path: there.folder }] });
      const whole = Deno.readTextFileSync(there.configFile);
      const read = async (config: string) => {
        Deno.writeTextFileSync(there.configFile, config);
        const before = there.daemon.stderr.length;
        there.daemon.signal("SIGHUP");
        await until(() => there.daemon.stderr.slice(before).includes("read again"));
      };
      let error: Error | null = null;
      // It may have ended before the daemon has read what it serves.
      for (let i = 0; error === null && i < 10; i++) {
        let reading: Promise<void> | null = null;
        const ran = await transfer({
          source: "a/",
          destination: `${there.host}:/m/b${i}`,
          options: defaultOptions("copy"),
          cwd: dir.path,
          configDir: dir.configDir,
          listener: (event) => {
            if (event.type === "progress" && event.filesDone > 0) reading ??= read(other);
          },
        });
        error = ran.error;
        await reading;
        await read(whole);
      }
      assert.match(error?.message ?? "", /doesn't serve module "m" any more as it did/);
    });
  }),
);
