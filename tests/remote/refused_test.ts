/**
 * What a client says of whoever doesn't take it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { HostTrust } from "../../src/rpc/dial.ts";
import { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
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
