/**
 * Sessions that are opened again, and a caller that gives up meanwhile.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { BlitError } from "../../src/core/error.ts";
import { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { Proxy } from "../support/proxy.ts";
import { remoteScene } from "./remote_pair.ts";

/** Longer than a test may take: only an abort, or closing, ends it. */
const FOR_EVER_MS = 3_600_000;

function interrupted(): BlitError {
  return new BlitError("cancelled", "Interrupted.");
}

function request(port: number, ending: AbortController, onRetry: () => void) {
  return {
    connect: () => ({
      name: { host: "127.0.0.1", port },
      trust: { kind: "plain" } as const,
      token: null,
    }),
    session: { module: "m", purpose: "test", agent: "tests" },
    retries: 9,
    retryWaitMs: FOR_EVER_MS,
    signal: ending.signal,
    onRetry,
  };
}

Deno.test("an abort ends the wait for the next try to connect", async () => {
  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = nobody.addr as Deno.NetAddr;
  nobody.close();
  const ending = new AbortController();
  const tries: number[] = [];
  const opening = SessionKeeper.open(request(port, ending, () => {
    tries.push(1);
    setTimeout(() => ending.abort(interrupted()), 0);
  }));
  await assert.rejects(opening, { kind: "cancelled" });
  assert.equal(tries.length, 1);
  await assert.rejects(SessionKeeper.open(request(port, ending, () => tries.push(2))), {
    kind: "cancelled",
  });
  assert.equal(tries.length, 1);
});

Deno.test("an abort ends connecting to a host that doesn't answer", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ending = new AbortController();
  const { port } = silent.addr as Deno.NetAddr;
  const opening = SessionKeeper.open(request(port, ending, () => {}));
  const taken = await silent.accept();
  ending.abort(interrupted());
  await assert.rejects(opening, { kind: "cancelled" });
  taken.close();
  silent.close();
});

Deno.test("an abort ends the wait for a daemon that takes calls and answers none", async () => {
  const asked = Promise.withResolvers<void>();
  const deaf = createServer();
  deaf.on("session", (session: ServerHttp2Session) => session.on("error", () => {}));
  deaf.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    asked.resolve();
  });
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  const ending = new AbortController();
  const { port } = deaf.address() as { port: number };
  const opening = SessionKeeper.open(request(port, ending, () => {}));
  await asked.promise;
  const startedMs = performance.now();
  ending.abort(interrupted());
  await assert.rejects(opening, { kind: "cancelled" });
  assert.ok(performance.now() - startedMs < 5_000, "it waited on");
  await new Promise((resolve) => deaf.close(resolve));
});

/** Has a session's connection broken, so that it waits to be opened again, while `work` runs. */
async function whileWaiting(
  work: (keeper: SessionKeeper, live: Promise<unknown>) => Promise<void>,
  onRetry: (ending: AbortController) => void = () => {},
): Promise<void> {
  const scene = await remoteScene();
  const proxy = await Proxy.listen();
  try {
    proxy.target = scene.port;
    const ending = new AbortController();
    const keeper = await SessionKeeper.open(request(proxy.port, ending, () => onRetry(ending)));
    proxy.cut();
    await new Promise((resolve) => keeper.session.signal.addEventListener("abort", resolve));
    const live = keeper.live();
    assert.ok(keeper.isWaiting);
    await work(keeper, live);
    assert.ok(!keeper.isWaiting);
    await keeper.close();
  } finally {
    await proxy.close();
    await scene.dispose();
  }
}

Deno.test("an abort ends the wait for a daemon that went away", () =>
  whileWaiting(
    (_keeper, live) => assert.rejects(live, { kind: "cancelled" }),
    (ending) => setTimeout(() => ending.abort(interrupted()), 0),
  ));

Deno.test("closing ends the wait for a daemon that went away", () =>
  whileWaiting(async (keeper, live) => {
    await Promise.all([keeper.close(), assert.rejects(live, { kind: "cancelled" })]);
  }));
