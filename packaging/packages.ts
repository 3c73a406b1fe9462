/**
 * `deno task package`: makes .deb and .rpm packages of the programs that `deno task compile` made for Linux, by nfpm.
 *
 * usage: packages.ts [--out DIR] [--as VERSION]    (default dist; NFPM names the program nfpm)
 *
 * `--as` packs them as another version, to try an upgrade with.
 *
 * `blit` has the command, its manual pages and completions; `blit-daemon` the daemon, its pages, a hardened systemd unit
 * with a user of its own, and a configuration that upgrades keep.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { ask, isThere, ROOT } from "../tests/gate/command.ts";
import { VERSION } from "../src/app/version.ts";
import { bashScript } from "../src/cli/completions/bash.ts";
import { fishScript } from "../src/cli/completions/fish.ts";
import { zshScript } from "../src/cli/completions/zsh.ts";
import { manPages } from "./man.ts";
import { GLIBC_FLOOR, glibcOf } from "./npm.ts";

const FORMATS = ["deb", "rpm"] as const;
type Format = (typeof FORMATS)[number];

/** The compiled systems, and what packages call their processors. */
const SYSTEMS = [{ folder: "linux-x64", arch: "amd64" }, { folder: "linux-arm64", arch: "arm64" }];

/** A file of a package. */
interface Content {
  readonly src: string;
  readonly dst: string;
  readonly type?: "config|noreplace";
  readonly file_info?: { readonly mode: number };
}

const FILES = new URL("packaging/linux/", ROOT).pathname;
const NFPM = Deno.env.get("NFPM") ?? "nfpm";

/** Writes a file to be packed; returns its path. */
type Stage = (name: string, text: string | Uint8Array) => string;

function manuals(stage: Stage, isWanted: (name: string) => boolean): Content[] {
  const wanted = [...manPages()].filter(([name]) => isWanted(name));
  return wanted.map(([name, page]) => ({
    src: stage(`${name}.gz`, compressed(page)),
    dst: `/usr/share/man/man${name.at(-1)}/${name}.gz`,
  }));
}

function clientContents(stage: Stage, program: string, format: Format): Content[] {
  const zsh = format === "deb" ? "vendor-completions" : "site-functions";
  return [
    { src: program, dst: "/usr/bin/blit" },
    {
      src: stage("blit.bash", bashScript()),
      dst: "/usr/share/bash-completion/completions/blit",
    },
    { src: stage("_blit", zshScript()), dst: `/usr/share/zsh/${zsh}/_blit` },
    {
      src: stage("blit.fish", fishScript()),
      dst: "/usr/share/fish/vendor_completions.d/blit.fish",
    },
    ...about(stage, "blit"),
    ...manuals(stage, (name) => !name.startsWith("blit-daemon")),
  ];
}

function daemonContents(stage: Stage, program: string): Content[] {
  return [
    { src: program, dst: "/usr/bin/blit-daemon" },
    { src: `${FILES}blit-daemon.service`, dst: "/usr/lib/systemd/system/blit-daemon.service" },
    { src: `${FILES}sysusers.conf`, dst: "/usr/lib/sysusers.d/blit-daemon.conf" },
    {
      src: `${FILES}blit-daemon.jsonc`,
      dst: "/etc/blit-daemon.jsonc",
      type: "config|noreplace",
    },
    ...about(stage, "blit-daemon"),
    ...manuals(stage, (name) => name.startsWith("blit-daemon")),
  ];
}

/** One line, then more. */
const DESCRIPTION = {
  "blit": `Copies, mirrors, moves and verifies file trees.
On one machine, and between machines that run blit-daemon. What comes over
the network is verified; what is deleted goes last.`,
  "blit-daemon": `Serves folders to blit on other machines.
Encrypted, with a token for each user. It can be started when
/etc/blit-daemon.jsonc says what to serve.`,
};

/** Licences, and what is new. */
function about(stage: Stage, name: string): Content[] {
  const file = (src: string, to: string) => ({ src, dst: `/usr/share/doc/${name}/${to}` });
  const path = (from: string) => new URL(from, ROOT).pathname;
  const changes = compressed(Deno.readTextFileSync(path("docs/changelog.md")));
  return [
    file(path("LICENSE"), "copyright"),
    file(path("THIRD-PARTY.txt"), "THIRD-PARTY.txt"),
    file(stage("changelog.md.gz", changes), "changelog.md.gz"),
  ];
}

/** What a program needs installed: what Deno needs, and a C library as new as the native library inside of it asks for. */
export function needsOf(program: Uint8Array, format: Format): string[] {
  const glibc = glibcOf(program) ?? GLIBC_FLOOR;
  return format === "deb" ? [`libc6 (>= ${glibc})`, "libgcc-s1"] : [`glibc >= ${glibc}`, "libgcc"];
}

/** Programs to be packed. */
interface Built {
  readonly folder: string;
  readonly arch: string;
  readonly out: string;
  readonly version: string;
}

/** Makes one package. */
async function pack(
  name: "blit" | "blit-daemon",
  format: Format,
  { folder, arch, out, version }: Built,
): Promise<void> {
  const work = Deno.makeTempDirSync({ prefix: "blit-package-" });
  const stage: Stage = (file, text) => {
    const path = `${work}/${file}`;
    if (typeof text === "string") Deno.writeTextFileSync(path, text);
    else Deno.writeFileSync(path, text);
    return path;
  };
  try {
    const program = Deno.realPathSync(`${out}/${folder}/${name}`);
    const isDaemon = name === "blit-daemon";
    const contents = isDaemon
      ? daemonContents(stage, program)
      : clientContents(stage, program, format);
    const mode = (dst: string) => dst.startsWith("/usr/bin/") ? 0o755 : 0o644;
    const scripts = ["postinstall", "preremove", "postremove"]
      .map((script) => [script, `${FILES}${script}.sh`]);
    const config = {
      name,
      arch,
      platform: "linux",
      version,
      section: isDaemon ? "net" : "utils",
      priority: "optional",
      maintainer: "The blit maintainers <blit@localhost>",
      description: DESCRIPTION[name],
      license: "MIT",
      depends: needsOf(Deno.readFileSync(program), format),
      contents: contents.map((content) => ({
        ...content,
        file_info: { mode: mode(content.dst) },
      })),
      scripts: isDaemon ? Object.fromEntries(scripts) : {},
    };
    // JSON is YAML.
    const file = stage("nfpm.yaml", JSON.stringify(config));
    const { success, stdout, stderr } = await new Deno.Command(NFPM, {
      args: ["package", "--config", file, "--packager", format, "--target", out],
      stdin: "null",
    }).output();
    if (!success) throw new TypeError(new TextDecoder().decode(stderr));
    console.log(new TextDecoder().decode(stdout).trim().split("\n").at(-1));
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

/** The same text makes the same bytes. */
function compressed(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

async function main(args: string[]): Promise<number> {
  const { values: { out, as: version } } = parseArgs({
    args,
    options: {
      out: { type: "string", default: "dist" },
      as: { type: "string", default: VERSION },
    },
  });
  const made = SYSTEMS.filter(({ folder }) => isThere(`${out}/${folder}/blit`));
  if (made.length === 0) {
    console.error(`There is no program for Linux in ${out}. Run deno task compile first.`);
    return 1;
  }
  if (await ask(NFPM, "--version") === null) {
    console.error(
      "nfpm is missing. Run: go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0, and put it on PATH or name it by NFPM.",
    );
    return 1;
  }
  for (const system of made) {
    for (const format of FORMATS) {
      await pack("blit", format, { ...system, out, version });
      await pack("blit-daemon", format, { ...system, out, version });
    }
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
