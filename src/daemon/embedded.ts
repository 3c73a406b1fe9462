/**
 * A daemon within another program.
 *
 * @module
 */
import { acquireTrees } from "../app/open.ts";
import { workingDirectory } from "../app/working_directory.ts";
import type { Access } from "../rpc/service/rights.ts";
import type { DaemonLimits } from "./config.ts";
import { parseConfig } from "./config_parse.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { folderFault } from "./files.ts";

/** A folder that is served. */
export interface ModuleSettings {
  /** What clients call it: `host:/name/path`. No slash. */
  readonly name: string;
  /** The folder, which must be there; relative ones start from {@link ServeSettings.cwd}. */
  readonly path: string;
  /** Shown by `blit list-modules`. */
  readonly comment?: string;
  /** Nothing is taken from clients. */
  readonly readOnly?: boolean;
  /** Owners, set-id bits, devices and privileged attributes are taken from clients. */
  readonly trustMetadata?: boolean;
  /** Daemons that the module may be filled from. */
  readonly delegation?: readonly string[];
}

/** How a daemon within a program is set up; docs/daemon.md has what each entry means and what holds without it. */
export interface ServeSettings {
  /** What is served. */
  readonly modules: readonly ModuleSettings[];
  /** Folder of certificate and tokens, made where it is missing; the program's own to keep private. */
  readonly stateFolder: string;
  /** Address to listen on; loopback, where left out. */
  readonly bind?: string;
  /** Port of the control plane; left out: 9031, 0: any free one. */
  readonly port?: number;
  /** Port of the data plane; left out: 9032, 0: any free one. */
  readonly dataPort?: number;
  /** Message that clients show. */
  readonly motd?: string;
  /** A certificate of your own, as files in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** No TLS and no tokens though others reach the address. */
  readonly insecure?: boolean;
  /** Bounds of what clients may use. */
  readonly limits?: Partial<DaemonLimits>;
  /** Folder that relative paths start from; the process's, where left out. */
  readonly cwd?: string;
}

/** Counts of a running daemon. */
export interface ServedCounts {
  /** Sessions that are open. */
  readonly sessions: number;
  /** Connections to the control port. */
  readonly connections: number;
}

/** A running daemon. */
export interface Served extends AsyncDisposable {
  /** Port of the control plane. */
  readonly port: number;
  /** Port of the data plane. */
  readonly dataPort: number;
  /** What clients pin, `SHA256:…`; null where the link is plain. */
  readonly fingerprint: string | null;
  /** What is going on. */
  counts(): ServedCounts;
  /**
   * Makes a token, which is kept as a hash.
   *
   * @param modules names; `/` the default root, `*` all
   * @param access `read`, `write`, `delete` or `admin`
   * @returns the token, to be shown once
   */
  addToken(name: string, modules: readonly string[], access: Access): string;
  /** Takes a token back: its sessions end. @throws {BlitError} `not_found` */
  removeToken(name: string): void;
  /** Takes no new sessions, lets the running ones end for a while, then stops. */
  stop(): Promise<void>;
}

/**
 * Serves folders until it is stopped. It announces nothing and has no metrics port; signals are the program's own.
 *
 * @throws {BlitError} `usage` for settings that are wrong, with what was expected; `unsupported` without the native
 *   library; `busy` where a port is taken
 */
export async function serve(settings: ServeSettings): Promise<Served> {
  const { stateFolder, cwd = workingDirectory(), ...file } = settings;
  // The same checks, and the same words, as for a file.
  const config = parseConfig(JSON.stringify(file), "serve()", cwd, folderFault);
  // The process has one pool: transfers of the program's own work in it too.
  const trees = await acquireTrees();
  const pool = trees.pool ?? undefined;
  let daemon: Daemon;
  try {
    daemon = await startDaemon({ ...config, discovery: false }, { stateFolder, pool });
  } catch (error) {
    await trees.release();
    throw error;
  }
  let stopped: Promise<void> | null = null;
  const stop = () => stopped ??= daemon.drain().finally(() => trees.release());
  return {
    port: daemon.port,
    dataPort: daemon.dataPort,
    fingerprint: daemon.certificate?.fingerprint ?? null,
    counts: () => {
      const { sessions, connections } = daemon.counts();
      return { sessions, connections };
    },
    addToken: (name, modules, access) => daemon.tokens.add(name, modules, access),
    removeToken: (name) => daemon.tokens.remove(name),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
