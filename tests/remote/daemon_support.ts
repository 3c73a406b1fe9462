/**
 * A daemon in this process, and raw clients that speak to it as blit's own or as an attacker's would.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { nameToBytes } from "../../src/core/rel_path.ts";
import type { DaemonConfig } from "../../src/daemon/config.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { moduleOf } from "../../src/daemon/config_parse.ts";
import { type Daemon, startDaemon, type StartOptions } from "../../src/daemon/daemon.ts";
import { Admin } from "../../src/gen/blit/v1/admin_pb.ts";
import { Jobs } from "../../src/gen/blit/v1/jobs_pb.ts";
import { type OpenRequest, Sessions, type Welcome } from "../../src/gen/blit/v1/session_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { loadNative } from "../../src/native/load.ts";
import { type NativePool, openPool } from "../../src/native/pool.ts";
import { KIND_METADATA } from "../../src/rpc/errors.ts";
import { PROTOCOL } from "../../src/rpc/version.ts";

// Loaded once and never closed, since the tests' resource check counts it.
const loaded = await loadNative();

/** A running session of a raw client. */
export interface RawSession {
  readonly welcome: Welcome;
  /** The session's name in calls. */
  readonly id: string;
  /** Sends something more on the Open call. */
  send(message: Partial<OpenRequest>["message"]): void;
  /** Resolves with what the daemon said last, once the call has ended; a failed call rejects. */
  readonly ended: Promise<string | null>;
  /** Ends it. */
  close(): Promise<void>;
}

/** Clients of one connection. */
export class RawClient {
  readonly sessions: Client<typeof Sessions>;
  readonly admin: Client<typeof Admin>;
  readonly jobs: Client<typeof Jobs>;
  readonly health: Client<typeof Health>;
  readonly #http2: ClientHttp2Session;

  constructor(port: number, tls: boolean, token: string | null) {
    const baseUrl = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
    const http2 = this.#http2 = connect(baseUrl, { rejectUnauthorized: false });
    http2.on("error", () => {});
    const transport = createConnectTransport({
      baseUrl,
      httpVersion: "2",
      sessionManager: {
        authority: baseUrl,
        request: (method, path, headers, options) => {
          const named = { ...headers, ":method": method, ":path": path };
          return Promise.resolve(http2.request(named, options));
        },
        notifyResponseByteRead() {},
      },
      acceptCompression: [],
      interceptors: token === null ? [] : [(next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      }],
    });
    const client = <T extends DescService>(service: T) => createClient(service, transport);
    this.sessions = client(Sessions);
    this.admin = client(Admin);
    this.jobs = client(Jobs);
    this.health = client(Health);
  }

  /** Opens a session. */
  async open(hello: Record<string, unknown> = {}): Promise<RawSession> {
    const outbox: OpenRequest[] = [];
    let wake = () => {};
    let closed = false;
    const requests = async function* () {
      yield {
        message: {
          case: "hello" as const,
          value: { version: PROTOCOL, module: "", purpose: "test", ...hello },
        },
      };
      for (;;) {
        const next = outbox.shift();
        if (next) yield next;
        else if (closed) return;
        else await new Promise<void>((resolve) => wake = resolve);
      }
    };
    const responses = this.sessions.open(requests())[Symbol.asyncIterator]();
    const first = await responses.next();
    const message = first.value?.message;
    assert.equal(message?.case, "welcome");
    const welcome = message.value as Welcome;
    const ended = (async () => {
      let closing: string | null = null;
      for (;;) {
        const step = await responses.next();
        if (step.done) return closing;
        if (step.value.message.case === "closing") closing = step.value.message.value.kind;
      }
    })();
    ended.catch(() => {});
    return {
      welcome,
      id: welcome.session,
      ended,
      send: (message) => {
        outbox.push({ message } as OpenRequest);
        wake();
      },
      close: async () => {
        closed = true;
        wake();
        await ended.catch(() => {});
      },
    };
  }

  /** Opens a session and a root in it. */
  async openRoot(
    hello: Record<string, unknown> = {},
    path = "",
  ): Promise<RawSession & { root: number }> {
    const session = await this.open(hello);
    const { root } = await this.sessions.openRoot({ session: session.id, path: nameToBytes(path) });
    return { ...session, root };
  }

  close(): void {
    this.#http2.destroy();
  }
}

/** A client of a daemon in another process, by its ready line. */
export function rawClient(
  ready: { readonly port: number; readonly tls: boolean },
  token: string | null,
): RawClient {
  return new RawClient(ready.port, ready.tls, token);
}

/** A daemon with a module folder, and clients that end with it. */
export class Scene {
  readonly daemon: Daemon;
  /** Folder of the default root and of module `m`. */
  readonly folder: string;
  readonly stateFolder: string;
  /** The process's pool, which the daemon uses too. */
  readonly pool: NativePool;
  readonly #clients: RawClient[] = [];

  constructor(daemon: Daemon, pool: NativePool, folder: string, stateFolder: string) {
    this.daemon = daemon;
    this.pool = pool;
    this.folder = folder;
    this.stateFolder = stateFolder;
  }

  /** A client of its own connection. */
  client(token: string | null = null): RawClient {
    const { port, certificate } = this.daemon;
    const client = new RawClient(port, certificate !== null, token);
    this.#clients.push(client);
    return client;
  }

  /** Closes every client. */
  closeClients(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}

/** How a test's daemon differs. */
export interface SceneOptions extends Partial<StartOptions> {
  readonly config?: Partial<DaemonConfig>;
  /** TLS and tokens, on loopback. */
  readonly secure?: boolean;
}

/** Declares a test with a daemon that serves a folder as default root, `m`, and read-only as `ro`. */
export function daemonTest(
  name: string,
  body: (scene: Scene) => Promise<void>,
  options: SceneOptions = {},
): void {
  Deno.test(name, async () => {
    assert.ok(loaded.library, "these tests need the native library: deno task build");
    const pool = openPool(loaded.library, 4);
    const base = Deno.makeTempDirSync({ prefix: "blit-daemon-" });
    const [folder, stateFolder] = [`${base}/module`, `${base}/state`];
    Deno.mkdirSync(folder);
    const { config, secure, ...start } = options;
    const whole: DaemonConfig = {
      ...DEFAULTS,
      // Every address is this machine's own: reached over loopback, but secure.
      bind: secure ? "0.0.0.0" : "127.0.0.1",
      port: 0,
      dataPort: 0,
      discovery: false,
      modules: [
        moduleOf({ name: "", path: folder }),
        moduleOf({ name: "m", path: folder }),
        moduleOf({ name: "ro", path: folder, readOnly: true }),
        moduleOf({ name: "trusted", path: folder, trustMetadata: true }),
      ],
      ...config,
    };
    const daemon = await startDaemon(whole, { stateFolder, pool, ...start });
    const scene = new Scene(daemon, pool, folder, stateFolder);
    try {
      await body(scene);
    } finally {
      scene.closeClients();
      await daemon.stop();
      await pool.close();
      Deno.removeSync(base, { recursive: true });
    }
  });
}

/** Asserts that a call fails with this kind of error. */
export async function rejectsWith(
  call: Promise<unknown>,
  kind: string,
  words?: RegExp,
): Promise<void> {
  await assert.rejects(call, (error) => {
    const told = ConnectError.from(error);
    assert.equal(told.metadata.get(KIND_METADATA), kind, told.message);
    if (words) assert.match(told.message, words);
    return true;
  });
}

/** Everything that a stream of responses holds. */
export async function all<T>(responses: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const response of responses) found.push(response);
  return found;
}

/** Waits until something holds. */
export async function eventually(holds: () => boolean, ms = 5000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > deadline) assert.fail(`it didn't come true within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
