/**
 * The two trees of a route, and the command between them.
 *
 * @module
 */
import { join } from "node:path";
import type { Ran, RunWith, Scratch } from "../support/cli.ts";
import { type Served, served, type Way, WAYS } from "../support/served.ts";
import type { Route } from "./sweep.ts";

/** Where the trees of a route are. */
export interface Places {
  /** The source's path on this machine. */
  readonly source: string;
  /** The destination's path on this machine. */
  readonly destination: string;
  /** Both as the command is told. */
  readonly words: readonly [source: string, destination: string];
  /** The daemon that has one of them. */
  readonly there?: Served;
  blit(...args: string[]): Promise<Ran>;
  spawn(surroundings: RunWith, ...args: string[]): Deno.ChildProcess;
}

/** What differs from trees in the scratch folder, and from the plain data plane. */
export interface PlaceOptions {
  readonly way?: Way;
  readonly source?: string;
  readonly destination?: string;
}

/**
 * Gives the places of a route while `work` runs. The folders above them are there, the trees are not.
 *
 * @param dir where the command runs
 */
export async function onRoute(
  route: Route,
  dir: Scratch,
  work: (places: Places) => Promise<void>,
  options: PlaceOptions = {},
): Promise<void> {
  const { source: from = dir.path, destination: to = dir.path, way = WAYS[0] } = options;
  if (route === "local") {
    const [source, destination] = [join(from, "src"), join(to, "dst")];
    return await work({
      source,
      destination,
      words: [`${source}/`, destination],
      blit: (...args) => dir.blit(...args),
      spawn: (surroundings, ...args) => dir.spawn(surroundings, ...args),
    });
  }
  const folder = join(route === "push" ? to : from, "served");
  await served(dir, way, async (there) => {
    const source = join(route === "push" ? from : folder, "src");
    const destination = join(route === "push" ? folder : to, "dst");
    await work({
      source,
      destination,
      words: route === "push"
        ? [`${source}/`, `${there.host}:/m/dst`]
        : [`${there.host}:/m/src/`, destination],
      there,
      blit: there.blit,
      spawn: there.spawn,
    });
  }, { folder });
}
