/**
 * Places: looks at locations and opens trees there, on this machine and on daemons; what isn't needed is never loaded.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Tree } from "../engine/tree.ts";
import { type Location, locationAbove } from "./location.ts";
import { isBeyondDeno, lookAt } from "./local_place.ts";
import type { Look, There } from "./locate.ts";
import { acquireTrees, type TreeOpener } from "./open.ts";
import type { RemoteHosts, RemoteSettings } from "./remote_hosts.ts";

/** How places are opened. */
export interface PlacesOptions {
  /** Most native threads; left out, by the number of processors. */
  readonly maxThreads?: number;
  /** How daemons are reached; left out, none is. */
  readonly remote?: RemoteSettings;
  /** Called when a daemon has been asked something: what can be done while it answers. */
  readonly meanwhile?: () => void;
}

/** Opens trees; {@link Places.close} gives back what that took. */
export class Places {
  readonly #options: PlacesOptions;
  #trees: Promise<TreeOpener> | null = null;
  #hosts: Promise<RemoteHosts> | null = null;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** What is at a location; see {@link Look}. */
  readonly look: Look = async (location, follow): Promise<There | null> => {
    if (location.kind === "local") {
      await this.prepare(location);
      return await lookAt(location.path, follow);
    }
    const there = (await this.#remote()).look(location, follow);
    this.#options.meanwhile?.();
    return await there;
  };

  /** Has native code at hand where it alone can look: once for all looks, here and elsewhere. */
  async prepare(location: Location): Promise<void> {
    if (location.kind === "local" && isBeyondDeno(location.path)) await this.trees();
  }

  /** The opener of this machine's trees. */
  trees(): Promise<TreeOpener> {
    return this.#trees ??= acquireTrees(this.#options.maxThreads);
  }

  /**
   * Opens a directory as a tree.
   *
   * @param create make it, and missing parents
   * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like
   */
  async open(location: Location, create = false): Promise<Tree> {
    if (location.kind === "local") return await (await this.trees()).open(location.path, create);
    // Content comes to, and goes from, this machine's native library, where there is one.
    const [hosts, trees] = await Promise.all([this.#remote(), this.trees()]);
    return await hosts.open(location, create, trees.pool);
  }

  /** The daemons' side. */
  async hosts(): Promise<RemoteHosts> {
    return await this.#remote();
  }

  /** The nearest directory at or above a location that exists. */
  async nearest(location: Location): Promise<Location> {
    let at = location;
    while (await this.look(at, true) === null) {
      const above = locationAbove(at);
      if (above === null) break;
      at = above;
    }
    return at;
  }

  /** Gives back what was acquired, after the trees are closed. */
  async close(): Promise<void> {
    const [hosts, trees] = await Promise.allSettled([this.#hosts, this.#trees]);
    if (hosts.status === "fulfilled") await hosts.value?.close();
    if (trees.status === "fulfilled") await trees.value?.release();
  }

  #remote(): Promise<RemoteHosts> {
    return this.#hosts ??= this.#loadHosts();
  }

  async #loadHosts(): Promise<RemoteHosts> {
    if (this.#options.remote === undefined) {
      throw new BlitError("unsupported", "Cannot reach daemons: no configuration folder is given.");
    }
    // Connect and its parts cost some 50 ms, which no local command pays.
    const { RemoteHosts } = await import("./remote_hosts.ts");
    return new RemoteHosts(this.#options.remote);
  }
}
