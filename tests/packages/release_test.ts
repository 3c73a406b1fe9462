/**
 * What is put up for downloading: archives that other programs unpack, and what winget, brew and `sha256sum` are told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { removeLeftOver } from "../../packaging/compile.ts";
import { join } from "node:path";
import { brewFormula, wingetManifests } from "../../packaging/manifests.ts";
import { zip } from "../../packaging/zip.ts";
import { VERSION } from "../../src/app/version.ts";
import type { Scratch } from "../support/cli.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";

function run(dir: Scratch, program: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args, cwd: dir.path })
    .outputSync();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  return said;
}

testOrSkip(
  "a release of the programs that were compiled: archives, manifests, sums",
  async (dir) => {
    need(needsPrograms("cargo", "tar", "sha256sum", "python3"));
    const program = "x".repeat(100_000);
    const files: Record<string, string> = {};
    for (
      const [system, suffix] of [["linux-x64", ""], ["windows-x64", ".exe"], ["macos-arm64", ""]]
    ) {
      for (const name of ["blit", "blit-daemon"]) {
        files[`dist/${system}/${name}${suffix}`] = system + name + program;
      }
    }
    await dir.write({ ...files, "dist/SHA256SUMS.sig": "of another one" });
    const script = new URL("../../packaging/release.ts", import.meta.url).pathname;
    const args = [
      "run",
      "-A",
      "--no-check",
      script,
      "--out",
      "dist",
      "--url",
      "https://a.example/v1",
    ];
    const said = run(dir, Deno.execPath(), ...args);
    assert.match(said, /macos-x64: left out/);

    // As a user checks them.
    run(dir, "sh", "-c", "cd dist && sha256sum --quiet -c SHA256SUMS");
    const sums = Deno.readTextFileSync(join(dir.path, "dist/SHA256SUMS"));
    assert.doesNotMatch(sums, /SHA256SUMS/);
    const digest = (name: string) => new RegExp(`^(\\w{64})  \\./${name}$`, "m").exec(sums)![1];

    const [windows, mac] = [
      `blit-${VERSION}-windows-x64.zip`,
      `blit-${VERSION}-macos-arm64.tar.gz`,
    ];
    run(dir, "python3", "-m", "zipfile", "-t", `dist/${windows}`);
    run(dir, "python3", "-m", "zipfile", "-e", `dist/${windows}`, "unzipped");
    const read = (path: string) => Deno.readTextFileSync(join(dir.path, path));
    assert.equal(read("unzipped/blit.exe"), files["dist/windows-x64/blit.exe"]);
    assert.match(read("unzipped/THIRD-PARTY.txt"), /rustls/);
    run(dir, "tar", "xzf", `dist/${mac}`);
    // Whoever unpacks it as root gets nobody else's files.
    const listed = run(dir, "tar", "tzvf", `dist/${mac}`, "--numeric-owner").trim().split("\n");
    assert.deepEqual(listed.filter((line) => !/^\S+ 0\/0 /.test(line)), []);
    const folder = `blit-${VERSION}-macos-arm64`;
    assert.equal(read(`${folder}/blit`), files["dist/macos-arm64/blit"]);
    assert.equal(Deno.statSync(join(dir.path, folder, "blit")).mode! & 0o777, 0o755);
    assert.match(read(`${folder}/man/blit.1`), /^\.T[Hh]|\.Dd/m);

    const installer = JSON.parse(read("dist/winget/blit.blit.installer.yaml")).Installers[0];
    assert.equal(installer.InstallerUrl, `https://a.example/v1/${windows}`);
    assert.equal(installer.InstallerSha256.toLowerCase(), digest(windows));
    assert.ok(read("dist/blit.rb").includes(`url "https://a.example/v1/${mac}"`));
    assert.ok(read("dist/blit.rb").includes(`sha256 "${digest(mac)}"`));
    assert.ok(JSON.parse(read(`dist/blit-${VERSION}.cdx.json`)).components.length > 40);
  },
);

Deno.test("winget's files have what its schema 1.6 asks for", () => {
  const file = { url: "https://a.example/blit.zip", sha256: "ab".repeat(32) };
  const files = wingetManifests("1.2.3", "2026-01-02", file);
  const required: Record<string, string[]> = {
    "blit.blit.yaml": ["DefaultLocale"],
    "blit.blit.installer.yaml": ["Installers"],
    "blit.blit.locale.en-US.yaml": [
      ...["PackageLocale", "Publisher", "PackageName", "License", "ShortDescription"],
    ],
  };
  assert.deepEqual([...files.keys()], Object.keys(required));
  const shared = ["PackageIdentifier", "PackageVersion", "ManifestType", "ManifestVersion"];
  for (const [name, text] of files) {
    const parsed = JSON.parse(text);
    for (const key of [...shared, ...required[name]]) assert.ok(parsed[key], `${name}: ${key}`);
    assert.match(
      parsed.PackageIdentifier,
      /^[^.\s\\/:*?"<>|]{1,32}(\.[^.\s\\/:*?"<>|]{1,32}){1,7}$/,
    );
  }
  const parsed = JSON.parse(files.get("blit.blit.installer.yaml")!);
  assert.match(parsed.Installers[0].InstallerSha256, /^[A-F0-9]{64}$/);
  assert.equal(parsed.NestedInstallerFiles[0].RelativeFilePath, "blit.exe");
});

testOrSkip("brew's formula is Ruby, with the systems that were made and no others", async (dir) => {
  const of = (name: string) => ({ url: `https://a.example/${name}`, sha256: "ab".repeat(32) });
  const files = new Map([
    ["macos-arm64", of("arm")],
    ["macos-x64", of("mac")],
    ["linux-x64", of("x64")],
  ]);
  const formula = brewFormula("1.2.3", "https://a.example", files);
  assert.deepEqual(
    [...formula.matchAll(/on_(\w+) do/g)].map(([, what]) => what),
    ["macos", "arm", "intel", "linux", "intel"],
  );
  need(needsPrograms("ruby"));
  await dir.write({ "blit.rb": formula });
  assert.match(run(dir, "ruby", "-wc", "blit.rb"), /^Syntax OK/m);
});

Deno.test("the same files make the same zip", () => {
  const files = [{ name: "a", bytes: new Uint8Array([1, 2, 3]), isProgram: false }];
  assert.deepEqual(zip(files), zip(files));
});

Deno.test("what a compile that broke off left beside a program is removed, and nothing else", () => {
  const folder = Deno.makeTempDirSync({ prefix: "blit-left-" });
  try {
    for (const name of ["blit", "blit.tmp-0a1b", "blit-daemon", "blit-daemon.tmp-2c"]) {
      Deno.writeTextFileSync(`${folder}/${name}`, "");
    }
    removeLeftOver(`${folder}/blit`);
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["blit", "blit-daemon", "blit-daemon.tmp-2c"]);
    removeLeftOver(`${folder}/nothing/blit`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
