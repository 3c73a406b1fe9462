/**
 * What stands in a daemon's module, and paths that clients name there: good ones and others.
 *
 * @module
 */
import fc from "fast-check";

/** What every sequence finds in the module; `out` and `up` lead outside. */
export const PLANTED: Readonly<Record<string, string | null>> = {
  d: null,
  "d/sub": null,
  "d/g": "inner",
  f: "a file",
};
/** Symlinks in the module by name. */
export const PLANTED_LINKS = { out: "outside", up: "../outside", "d/link": "../../outside" };

/** Paths that must be refused before anything is looked at, and how. */
export const HOSTILE = [
  ...["..", "../outside", "/etc", "d/../..", "d/./g", "d//g", "f\0", "d/", ".", "/"],
  ...["../module/f", "d/../f", `${"a/".repeat(40)}..`],
].map((path) => ({ path, kind: "escaped" }));
const LONG = { path: "x".repeat(70_000), kind: "name_too_long" };
/** Paths that go through a planted link. */
export const THROUGH = ["out/f0", "up/f0", "d/link/f0", "out/sub/f1", "out/sub"];

/** One of them, and what is to be said of it. */
export interface SomePath {
  readonly path: string;
  /** See {@link anyPath}; empty where nothing is wrong. */
  readonly kind: string;
}

const hostilePath = fc.constantFrom(...HOSTILE, LONG);
const throughPath = fc.constantFrom(...THROUGH);
const finePath = fc.constantFrom("", "d", "d/sub", "d/g", "f", "nothing", "d/nothing");
/** A path, and the kind that it must be refused with; `through`: it leads through a planted link. */
export const anyPath: fc.Arbitrary<SomePath> = fc.oneof(
  finePath.map((path) => ({ path, kind: "" })),
  hostilePath,
  throughPath.map((path) => ({ path, kind: "through" })),
);
