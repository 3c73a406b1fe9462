/**
 * What blit is made of beside itself: the npm packages that its modules import, and the crates of the native library, of
 * every system that it is built for. What only tests and builds use is no part.
 *
 * @module
 */
import { parse } from "smol-toml";
import { ROOT } from "../tests/gate/command.ts";
import { SYSTEMS } from "./systems.ts";

/** One part, of one version. */
export interface Part {
  readonly kind: "npm" | "cargo";
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  /** Digest that the lock file has. */
  readonly digest: { readonly alg: "SHA-256" | "SHA-512"; readonly hex: string };
  /** Folder of its files. */
  readonly folder: string;
  /** Parts that it uses itself, as {@link idOf} has them. */
  readonly uses: readonly string[];
}

/** Names a part of one version: its package URL. */
export function idOf({ kind, name, version }: Pick<Part, "kind" | "name" | "version">): string {
  return `pkg:${kind}/${name.replace("@", "%40")}@${version.replaceAll("+", "%2B")}`;
}

const ENTRIES = ["cli.ts", "daemon.ts", "mod.ts"];

/** Every part, sorted by kind and name. */
export async function readParts(): Promise<Part[]> {
  const all = [...await npmParts(), ...await cargoParts()];
  return all.sort((a, b) => idOf(a) < idOf(b) ? -1 : 1);
}

/** Licences that a part may have, by their SPDX names; `ffi/deny.toml` has the list. */
export function allowedLicences(): ReadonlySet<string> {
  const text = Deno.readTextFileSync(new URL("ffi/deny.toml", ROOT));
  return new Set((parse(text).licenses as { allow: string[] }).allow);
}

/** Whether a part may be used under licences that are allowed. */
export function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  return expression.split(" OR ").some((choice) =>
    choice.split(" AND ").every((one) => allowed.has(one))
  );
}

/** What the files of a part say about its licence, in the order of their names. */
export function licenceTexts({ folder }: Part): string[] {
  return [...Deno.readDirSync(folder)]
    .filter(({ name, isFile }) =>
      isFile && /^(licen[cs]e|copying|copyright|notice)/i.test(name) && !name.endsWith(".html")
    )
    .map(({ name }) => name).sort()
    .map((name) => Deno.readTextFileSync(`${folder}/${name}`).replaceAll("\r\n", "\n").trim());
}

async function npmParts(): Promise<Part[]> {
  const lock = JSON.parse(Deno.readTextFileSync(new URL("deno.lock", ROOT)));
  const parts = new Map<string, Part>();
  for (const entry of ENTRIES) {
    const { npmPackages, modules }: DenoInfo = await asked(
      Deno.execPath(),
      ...["info", "--json", entry],
    );
    const id = (key: string) => idOf({ kind: "npm", ...npmPackages[key] });
    // Deno lists what the import map names, also where only tests import it.
    const seen = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
    for (const key of seen) {
      const found = npmPackages[key];
      const folder = found.localPath;
      for (const used of found.dependencies) seen.add(used);
      const about = JSON.parse(Deno.readTextFileSync(`${folder}/package.json`));
      const [alg, base64] = lock.npm[key].integrity.split("-");
      if (alg !== "sha512") throw new TypeError(`${key}: a digest of another kind: ${alg}`);
      parts.set(id(key), {
        kind: "npm",
        name: found.name,
        version: found.version,
        licence: licenceOf(key, about.license),
        digest: { alg: "SHA-512", hex: Uint8Array.fromBase64(base64).toHex() },
        folder,
        uses: found.dependencies.map(id).sort(),
      });
    }
  }
  return [...parts.values()];
}

interface DenoInfo {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, NpmPackage>>;
}

interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly localPath: string;
  readonly dependencies: readonly string[];
}

async function cargoParts(): Promise<Part[]> {
  const lock = parse(Deno.readTextFileSync(new URL("ffi/Cargo.lock", ROOT)));
  const checksums = new Map(
    (lock.package as Record<string, string>[])
      .map(({ name, version, checksum }) => [`${name}@${version}`, checksum]),
  );
  const parts = new Map<string, Part>();
  for (const { target } of SYSTEMS) {
    // Its own C library there: the one that the library is built with, see systems.ts.
    const triple = target.replace("-msvc", "-gnu");
    const args = ["metadata", "--format-version=1", "--locked", "--manifest-path=ffi/Cargo.toml"];
    const found: CargoMetadata = await asked("cargo", ...args, `--filter-platform=${triple}`);
    const packages = new Map(found.packages.map((each) => [each.id, each]));
    const nodes = new Map(found.resolve.nodes.map((node) => [node.id, node]));
    const usedBy = (id: string) =>
      nodes.get(id)!.deps
        .filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null))
        .map(({ pkg }) => pkg);
    const seen = new Set([found.resolve.root]);
    for (const id of seen) {
      for (const used of usedBy(id)) seen.add(used);
      if (id === found.resolve.root) continue;
      const { name, version, license, manifest_path } = packages.get(id)!;
      const named = (other: string) => idOf({ kind: "cargo", ...packages.get(other)! });
      parts.set(named(id), {
        kind: "cargo",
        name,
        version,
        licence: licenceOf(name, license),
        digest: { alg: "SHA-256", hex: checksums.get(`${name}@${version}`)! },
        folder: manifest_path.replace(/[/\\]Cargo\.toml$/, ""),
        // A system may use more than another.
        uses: [...new Set([...parts.get(named(id))?.uses ?? [], ...usedBy(id).map(named)])].sort(),
      });
    }
  }
  return [...parts.values()];
}

interface CargoMetadata {
  readonly packages: readonly {
    readonly id: string;
    readonly name: string;
    readonly version: string;
    readonly license: string | null;
    readonly manifest_path: string;
  }[];
  readonly resolve: {
    readonly root: string;
    readonly nodes: readonly {
      readonly id: string;
      readonly deps: readonly {
        readonly pkg: string;
        readonly dep_kinds: readonly { readonly kind: string | null }[];
      }[];
    }[];
  };
}

/** A licence by the rules of SPDX, where a package has the older form. */
function licenceOf(name: string, given: unknown): string {
  if (typeof given !== "string") throw new TypeError(`${name} doesn't say its licence`);
  return given.replaceAll(/ ?\/ ?/g, " OR ").replace(/^\((.*)\)$/, "$1");
}

/** What a program prints as JSON. */
// deno-lint-ignore no-explicit-any
async function asked(program: string, ...args: string[]): Promise<any> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  if (!success) {
    throw new TypeError(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout));
}
