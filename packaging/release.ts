/**
 * `deno task release`: makes of the programs in dist what is put up for downloading: a zip for Windows, a tarball for macOS
 * and Linux, winget's manifest, brew's formula, the bill of materials, and SHA256SUMS over everything. What wasn't compiled
 * is left out and named.
 *
 * usage: release.ts --url BASE [--home URL] [--out DIR]    BASE is where the files will be, without a slash at its end
 *
 * It is run last, when .deb, .rpm and npm packages are there. docs/releasing.md says how SHA256SUMS is signed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { isThere, ROOT, run } from "../tests/gate/command.ts";
import { RELEASED, VERSION } from "../src/app/version.ts";
import { brewFormula, type Released, wingetManifests } from "./manifests.ts";
import { manPages } from "./man.ts";
import { readParts } from "./parts.ts";
import { renderSbom } from "./sbom.ts";
import { type System, SYSTEMS } from "./systems.ts";
import { type Packed, zip } from "./zip.ts";

const BESIDE = ["LICENSE", "README.md", "THIRD-PARTY.txt"];

/** What goes into the archive of a system. */
function contents({ name, suffix }: System, out: string): Packed[] {
  const read = (path: string) => Deno.readFileSync(path);
  const programs = ["blit", "blit-daemon"].map((program) => ({
    name: `${program}${suffix}`,
    bytes: read(`${out}/${name}/${program}${suffix}`),
    isProgram: true,
  }));
  const texts = BESIDE.map((file) => ({
    name: file,
    bytes: Deno.readFileSync(new URL(file, ROOT)),
    isProgram: false,
  }));
  const pages = [...manPages()].map(([page, text]) => ({
    name: `man/${page}`,
    bytes: new TextEncoder().encode(text),
    isProgram: false,
  }));
  return [...programs, ...texts, ...(suffix === ".exe" ? [] : pages)];
}

/** Packs one system; returns the archive's name. */
async function archive(system: System, out: string): Promise<string> {
  const files = contents(system, out);
  const stem = `blit-${VERSION}-${system.name}`;
  if (system.suffix === ".exe") {
    Deno.writeFileSync(`${out}/${stem}.zip`, zip(files));
    return `${stem}.zip`;
  }
  const work = Deno.makeTempDirSync({ prefix: "blit-release-" });
  try {
    Deno.mkdirSync(`${work}/${stem}/man`, { recursive: true });
    for (const { name, bytes, isProgram } of files) {
      Deno.writeFileSync(`${work}/${stem}/${name}`, bytes, { mode: isProgram ? 0o755 : 0o644 });
    }
    const name = `${stem}.tar.gz`;
    const target = `${Deno.realPathSync(out)}/${name}`;
    // Root keeps the owners of what it unpacks: they must not be somebody's who happens to have a number there.
    const same = [
      "--sort=name",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      `--mtime=${RELEASED}Z`,
    ];
    const { code } = await run("tar", [...same, "-czf", target, "-C", work, stem]);
    if (code !== 0) throw new TypeError(`tar could not make ${name}`);
    return name;
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

async function digestOf(path: string): Promise<string> {
  const bytes = Deno.readFileSync(path);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Every file below a folder, sorted. */
function* filesBelow(folder: string, prefix = ""): Generator<string> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`, `${prefix}${name}/`);
    else yield prefix + name;
  }
}

/** Writes the digest of every file but itself and its signature, in the form of `sha256sum`. */
async function writeSums(out: string): Promise<void> {
  let sums = "";
  for (const path of filesBelow(out)) {
    if (!path.startsWith("SHA256SUMS")) sums += `${await digestOf(`${out}/${path}`)}  ./${path}\n`;
  }
  Deno.writeTextFileSync(`${out}/SHA256SUMS`, sums);
}

async function main(args: string[]): Promise<number> {
  const { values: { url, home, out } } = parseArgs({
    args,
    options: {
      url: { type: "string" },
      home: { type: "string" },
      out: { type: "string", default: "dist" },
    },
  });
  if (!url) {
    console.error("usage: release.ts --url BASE [--home URL] [--out DIR]");
    return 64;
  }
  const released = new Map<string, Released>();
  for (const system of SYSTEMS) {
    if (!isThere(`${out}/${system.name}/blit${system.suffix}`)) {
      console.error(`${system.name}: left out, since it wasn't compiled`);
      continue;
    }
    const name = await archive(system, out);
    released.set(system.name, { url: `${url}/${name}`, sha256: await digestOf(`${out}/${name}`) });
    console.log(`${out}/${name}`);
  }
  if (released.size === 0) {
    console.error(`There is no program in ${out}. Run deno task compile first.`);
    return 1;
  }
  const windows = released.get("windows-x64");
  if (windows !== undefined) {
    Deno.mkdirSync(`${out}/winget`, { recursive: true });
    for (const [name, text] of wingetManifests(VERSION, RELEASED, windows)) {
      Deno.writeTextFileSync(`${out}/winget/${name}`, text);
    }
  }
  Deno.writeTextFileSync(`${out}/blit.rb`, brewFormula(VERSION, home ?? url, released));
  const bill = JSON.stringify(renderSbom(await readParts()), null, 2);
  Deno.writeTextFileSync(`${out}/blit-${VERSION}.cdx.json`, `${bill}\n`);
  await writeSums(out);
  console.log(`${out}/SHA256SUMS`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
