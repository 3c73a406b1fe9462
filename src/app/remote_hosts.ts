/**
 * RemoteHosts: sessions with daemons, and trees in their modules, for one command.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { DEFAULT_PORT } from "../core/ports.ts";
import { STEPS } from "../core/work_batch.ts";
import type { EntryBlock } from "../core/entry_block.ts";
import type { NativePool } from "../native/pool.ts";
import { Connection, type ConnectRequest } from "../rpc/connection.ts";
import { type AskUnknown, hostDisplay, type HostTrust } from "../rpc/dial.ts";
import { RemoteTree } from "../rpc/remote_tree.ts";
import { type BeginWish, IDLE_MS } from "../rpc/session.ts";
import { SessionKeeper } from "../rpc/session_keeper.ts";
import {
  hostHash,
  type KnownHost,
  knownHost,
  readAuthority,
  rememberHost,
  tokenFor,
} from "./hosts.ts";
import { locationText, type RemoteLocation } from "./location.ts";
import type { There } from "./locate.ts";
import { VERSION } from "./version.ts";

/** How daemons are reached. */
export interface RemoteSettings {
  /** Folder of known hosts and tokens. */
  readonly configDir: string;
  /** What is going to be done, for the daemon's list of jobs. */
  readonly purpose: string;
  /** How often a broken connection is made anew; 0: never. */
  readonly retries: number;
  readonly retryWaitMs: number;
  /** Ends connecting and the waits between tries at once; left out, nothing does. */
  readonly signal?: AbortSignal;
  /** Content goes over the control plane, whatever could be reached. */
  readonly forceControlPlane: boolean;
  /** Decides about a host that nothing is known of; left out, the answer is no. */
  readonly ask?: AskUnknown;
  /** What a daemon's session begins with, as far as it is known by then; left out, nothing. Never rejects. */
  readonly begin?: (location: RemoteLocation) => Promise<BeginWish | null>;
  /** Told what the user should know once. */
  readonly onWarning: (message: string) => void;
  /** Told of waits. */
  readonly onWaiting: (what: string) => void;
}

const READ_METADATA = STEPS.indexOf("read metadata of");

/** Reaches daemons; {@link RemoteHosts.close} ends every session. */
export class RemoteHosts {
  readonly #settings: RemoteSettings;
  readonly #keepers = new Map<string, Promise<SessionKeeper>>();
  readonly #moduleRoots = new Map<string, Promise<RemoteTree>>();
  /** The path that each module's session was opened with: what stands there came with the greeting. */
  readonly #looked = new Map<string, string>();

  /** How long a daemon may be silent, ms. */
  readonly idleMs: number;

  /** @throws {BlitError} `usage` where the environment has a limit of silence that is none */
  constructor(settings: RemoteSettings) {
    this.#settings = settings;
    this.idleMs = idleLimit();
  }

  /**
   * What is at a location.
   *
   * @param follow a symlink means the directory in the module that it leads to
   * @throws {BlitError} as connecting does; `permission` and the like
   */
  async look(location: RemoteLocation, follow: boolean): Promise<There | null> {
    const keeper = await this.#keeper(location);
    if (this.#looked.get(keyOf(location)) === location.path && keeper.session.there !== null) {
      const block = keeper.session.there;
      const isLink = thereIn(block, 0, location)?.isSymlink === true;
      return thereIn(block, follow && isLink && block.count > 1 ? 1 : 0, location);
    }
    const { begun } = keeper.session;
    if (begun?.path === location.path && (follow || !begun.wish.follow)) {
      // It was opened; where no link was followed, it is none.
      return { isDirectory: true, isSymlink: false };
    }
    const root = await this.#moduleRoot(location);
    const found = thereIn(await root.stat([location.path]), 0, location);
    if (found?.isSymlink !== true || !follow) return found;
    const leadsToDirectory = await this.#opens(keeper, location);
    return leadsToDirectory ? { isDirectory: true, isSymlink: false } : found;
  }

  /**
   * Opens a directory of a module as a tree.
   *
   * @param pool the native workers that move content; null: TypeScript does
   */
  async open(
    location: RemoteLocation,
    create: boolean,
    pool: NativePool | null,
  ): Promise<RemoteTree> {
    const keeper = await this.#keeper(location);
    const { configDir, forceControlPlane, onWarning } = this.#settings;
    return await RemoteTree.open(keeper, {
      path: location.path,
      display: locationText(location),
      create,
      follow: true,
      hostHash: await hostHash(configDir, nameOfHost(location)),
      content: { pool, forceControlPlane, onWarning },
    });
  }

  /** A connection without a session, for questions about the daemon itself. */
  async connect(
    host: { readonly host: string; readonly port: number | null },
  ): Promise<Connection> {
    return await Connection.open(this.#connectRequest(host));
  }

  /** The session of a location's module. */
  async keeper(location: RemoteLocation): Promise<SessionKeeper> {
    return await this.#keeper(location);
  }

  /** Ends every session. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#keepers.values());
    await Promise.all(
      opened.map(async (keeper) => {
        if (keeper.status === "fulfilled") await keeper.value.close();
      }),
    );
    this.#keepers.clear();
    this.#moduleRoots.clear();
  }

  #keeper(location: RemoteLocation): Promise<SessionKeeper> {
    const key = keyOf(location);
    let keeper = this.#keepers.get(key);
    if (keeper === undefined) {
      this.#looked.set(key, location.path);
      keeper = this.#openKeeper(location);
      this.#keepers.set(key, keeper);
    }
    return keeper;
  }

  #openKeeper(location: RemoteLocation): Promise<SessionKeeper> {
    const { retries, retryWaitMs, signal, purpose, onWaiting, begin } = this.#settings;
    return SessionKeeper.open({
      connect: () => this.#connectRequest(location),
      session: {
        module: location.module,
        purpose,
        idleMs: this.idleMs,
        agent: `blit/${VERSION}`,
        look: { path: location.path, followed: true },
      },
      begin: begin?.(location),
      retries,
      retryWaitMs,
      signal,
      onRetry: (attempt, error) =>
        onWaiting(
          `connection ${attempt} of ${retries} to ${nameOfHost(location)}: ${error.message}`,
        ),
    });
  }

  #connectRequest({ host, port }: Pick<RemoteLocation, "host" | "port">): ConnectRequest {
    const { configDir, ask } = this.#settings;
    const name = { host, port: port ?? DEFAULT_PORT };
    const display = hostDisplay(name);
    return {
      name,
      trust: trustOf(knownHost(configDir, display)),
      token: tokenFor(configDir, display),
      ask: ask && (async (found) => {
        if (!await ask(found)) return false;
        const { sha256 } = found;
        rememberHost(configDir, display, sha256 ? { kind: "pin", sha256 } : { kind: "plain" });
        return true;
      }),
    };
  }

  #moduleRoot(location: RemoteLocation): Promise<RemoteTree> {
    const key = keyOf(location);
    let root = this.#moduleRoots.get(key);
    if (root === undefined) {
      root = this.open({ ...location, path: "" }, false, null);
      this.#moduleRoots.set(key, root);
    }
    return root;
  }

  async #opens(keeper: SessionKeeper, location: RemoteLocation): Promise<boolean> {
    try {
      const { onWarning } = this.#settings;
      const tree = await RemoteTree.open(keeper, {
        path: location.path,
        display: locationText(location),
        follow: true,
        hostHash: "",
        content: { pool: null, forceControlPlane: true, onWarning },
      });
      await tree.close();
      return true;
    } catch (error) {
      if (error instanceof BlitError && PASSABLE.has(error.kind)) return false;
      throw error;
    }
  }
}

/** Below the first a side that is busy would be taken for a silent one. */
const LEAST_IDLE_S = 5, MOST_IDLE_S = 3600;

function idleLimit(): number {
  const given = Deno.env.get("BLIT_IDLE_SECONDS") ?? "";
  if (given === "") return IDLE_MS;
  const seconds = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (seconds >= LEAST_IDLE_S && seconds <= MOST_IDLE_S) return seconds * 1000;
  throw new BlitError(
    "usage",
    `BLIT_IDLE_SECONDS is "${given}". Give whole seconds, ${LEAST_IDLE_S} to ${MOST_IDLE_S}, or nothing.`,
  );
}

/** What opening says of a link that leads to no directory of the module. */
const PASSABLE: ReadonlySet<string> = new Set([
  "not_found",
  "not_directory",
  "escaped",
  "link_loop",
]);

/** What a host is called in the files of known hosts and tokens. */
export function nameOfHost({ host, port }: Pick<RemoteLocation, "host" | "port">): string {
  return hostDisplay({ host: host.toLowerCase(), port: port ?? DEFAULT_PORT });
}

/** What a line of known hosts means for a connection. */
export function trustOf(known: KnownHost | null): HostTrust | null {
  if (known?.kind !== "ca") return known;
  return { kind: "ca", pem: known.file === undefined ? undefined : readAuthority(known.file) };
}

function keyOf(location: RemoteLocation): string {
  return `${nameOfHost(location)}/${location.module}`;
}

function thereIn(block: EntryBlock, i: number, location: RemoteLocation): There | null {
  const status = block.count > i ? block.status(i) : 1;
  if (status === 0) {
    const kind = block.kind(i);
    return { isDirectory: kind === Kind.directory, isSymlink: kind === Kind.symlink };
  }
  if (kindOfStatus(status) === "not_found" || kindOfStatus(status) === "not_directory") return null;
  throw describeFailure({
    status,
    os: block.os(i),
    step: READ_METADATA,
    path: location.path,
    root: locationText({ ...location, path: "" }),
    isServed: true,
  });
}
