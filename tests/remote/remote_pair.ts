/**
 * Trees of a daemon in this process, and local trees beside them, as pairs for the conformance suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { moduleOf } from "../../src/daemon/config_parse.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import type { Tree } from "../../src/engine/tree.ts";
import { loadNative } from "../../src/native/load.ts";
import { type NativePool, openPool } from "../../src/native/pool.ts";
import { RemoteTree } from "../../src/rpc/remote_tree.ts";
import { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { LocalTree } from "../../src/tree/local.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import type { TreePair } from "../conformance/workbench.ts";

// Loaded once and never closed, since the tests' resource check counts it.
const loaded = await loadNative();

/** How the daemon of a pair is reached. */
export interface LinkKind {
  /** TLS and tokens. */
  readonly secure?: boolean;
  /** Content through the control plane. */
  readonly forceControlPlane?: boolean;
  /** The client has no native library. */
  readonly withoutNative?: boolean;
  /** The daemon's clock for tokens of streams, ms. */
  readonly tokenClock?: () => number;
}

/** How a session of a scene is opened. */
export interface SessionOptions {
  readonly retries?: number;
  readonly retryWaitMs?: number;
  /** Connect to this port instead of the daemon's own. */
  readonly port?: number;
}

/** What a side of a pair is. */
export type Side = "remote" | "local" | "memory";

/** A daemon, and what reaches it. */
export interface RemoteScene {
  readonly pool: NativePool;
  /** Folder of the module. */
  readonly folder: string;
  readonly warnings: string[];
  /** The daemon's ports. */
  readonly port: number;
  readonly dataPort: number;
  /** Opens a session on the module. */
  session(options?: SessionOptions): Promise<SessionKeeper>;
  /** Opens a folder of the module in a session. */
  tree(keeper: SessionKeeper, path: string): Promise<RemoteTree>;
  /** Ends sessions and daemon. */
  dispose(): Promise<void>;
}

/** Starts a daemon that serves an empty folder. */
export async function remoteScene(link: LinkKind = {}): Promise<RemoteScene> {
  assert.ok(loaded.library, "these tests need the native library: deno task build");
  const pool = openPool(loaded.library, 8);
  const base = await Deno.makeTempDir({ prefix: "blit-remote-" });
  const folder = `${base}/module`;
  await Deno.mkdir(folder);
  const daemon = await startDaemon({
    ...DEFAULTS,
    bind: link.secure ? "0.0.0.0" : "127.0.0.1",
    port: 0,
    dataPort: 0,
    discovery: false,
    modules: [moduleOf({ name: "m", path: folder, trustMetadata: true })],
  }, { stateFolder: `${base}/state`, pool, tokenClock: link.tokenClock });
  const token = link.secure ? daemon.tokens.add("tests", ["m"], "admin") : null;
  const keepers: SessionKeeper[] = [];
  const warnings: string[] = [];
  return {
    pool,
    folder,
    warnings,
    port: daemon.port,
    dataPort: daemon.dataPort,
    session: async ({ retries = 0, retryWaitMs = 100, port = daemon.port } = {}) => {
      const keeper = await SessionKeeper.open({
        connect: () => ({
          name: { host: "127.0.0.1", port },
          trust: daemon.certificate === null
            ? { kind: "plain" }
            : { kind: "pin", sha256: daemon.certificate.sha256 },
          token,
        }),
        session: { module: "m", purpose: "test", agent: "tests" },
        retries,
        retryWaitMs,
      });
      keepers.push(keeper);
      return keeper;
    },
    tree: (keeper, path) =>
      RemoteTree.open(keeper, {
        path,
        display: `127.0.0.1:/m/${path}`,
        create: true,
        hostHash: "0".repeat(16),
        content: {
          pool: link.withoutNative ? null : pool,
          forceControlPlane: link.forceControlPlane ?? false,
          onWarning: (message) => warnings.push(message),
        },
      }),
    dispose: async () => {
      for (const keeper of keepers) await keeper.close();
      await daemon.stop();
      await pool.close();
      await Deno.remove(base, { recursive: true });
    },
  };
}

/** Makes two empty trees, at least one of them a daemon's; both of one daemon share a session. */
export async function remotePair(
  source: Side,
  destination: Side,
  link: LinkKind = {},
): Promise<TreePair> {
  const scene = await remoteScene(link);
  const keeper = await scene.session();
  const open = async (side: Side, name: string): Promise<Tree> => {
    if (side === "memory") return MemoryTree.of();
    if (side === "remote") return await scene.tree(keeper, name);
    const path = `${scene.folder}/${name}`;
    return await LocalTree.open(path, { pool: scene.pool, create: true });
  };
  return {
    source: await open(source, "source"),
    destination: await open(destination, "destination"),
    dispose: () => scene.dispose(),
  };
}
