/**
 * Locations: where a tree begins, on this machine or in a module of a daemon.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { DEFAULT_PORT } from "../core/ports.ts";
import {
  baseOf,
  displayName,
  joinRel,
  nameToPath,
  parentOf,
  type RelPath,
  textToName,
} from "../core/rel_path.ts";
import { hostText } from "./endpoint.ts";

/** A place of a daemon's module. */
export interface RemoteLocation {
  /** Tells it from a path of this machine. */
  readonly kind: "remote";
  /** Name or address of the daemon's machine, as typed. */
  readonly host: string;
  /** Null: the default. */
  readonly port: number | null;
  /** Empty: the daemon's default root. */
  readonly module: string;
  /** Path below the module; `""` is the module itself. */
  readonly path: RelPath;
}

/** A place on this machine, by its absolute path, or in a module. */
export type Location = { readonly kind: "local"; readonly path: string } | RemoteLocation;

/** What holds it; null where nothing that can be named does. */
export function locationAbove(location: Location): Location | null {
  if (location.kind === "remote") {
    return location.path === "" ? null : { ...location, path: parentOf(location.path) };
  }
  const above = dirname(location.path);
  return above === location.path ? null : { kind: "local", path: above };
}

/** Its own name; of a module's root the module's, and empty for a daemon's default root. */
export function nameOf(location: Location): RelPath {
  if (location.kind === "local") return textToName(basename(location.path));
  return location.path === "" ? textToName(location.module) : baseOf(location.path);
}

/** The place of that name in it. */
export function locationIn(location: Location, name: RelPath): Location {
  return location.kind === "remote"
    ? { ...location, path: joinRel(location.path, name) }
    : { kind: "local", path: join(location.path, nameToPath(name)) };
}

/** Whether both are of one module of one daemon. */
export function sameModule(a: Location, b: Location): boolean {
  return a.kind === "remote" && b.kind === "remote" && sameHost(a, b) && a.module === b.module;
}

/** Whether both are of one daemon, as far as its name tells. */
export function sameHost(a: RemoteLocation, b: RemoteLocation): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() &&
    (a.port ?? DEFAULT_PORT) === (b.port ?? DEFAULT_PORT);
}

/** As a person would write it, escaped for display. */
export function locationText(location: Location): string {
  if (location.kind === "local") return displayName(textToName(location.path));
  const { module, path } = location;
  const below = displayName(path);
  const host = hostText(location);
  if (module === "") return `${host}://${below}`;
  return `${host}:/${displayName(textToName(module))}${below === "" ? "" : `/${below}`}`;
}
