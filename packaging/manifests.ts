/**
 * What winget and brew are told about a release. Pure.
 *
 * @module
 */

const WINGET = { ManifestVersion: "1.6.0", PackageIdentifier: "blit.blit" };
const ABOUT = "Copies, mirrors, moves and verifies file trees";

/** A file of a release. */
export interface Released {
  readonly url: string;
  /** SHA-256 in hex. */
  readonly sha256: string;
}

/** winget's three files by name; JSON is YAML. */
export function wingetManifests(
  version: string,
  released: string,
  windows: Released,
): Map<string, string> {
  const id = WINGET.PackageIdentifier;
  const file = (type: string, more: Record<string, unknown>) =>
    `${
      JSON.stringify({ ...WINGET, PackageVersion: version, ManifestType: type, ...more }, null, 2)
    }\n`;
  return new Map([
    [`${id}.yaml`, file("version", { DefaultLocale: "en-US" })],
    [
      `${id}.installer.yaml`,
      file("installer", {
        InstallerType: "zip",
        NestedInstallerType: "portable",
        NestedInstallerFiles: [{ RelativeFilePath: "blit.exe", PortableCommandAlias: "blit" }],
        ReleaseDate: released,
        Installers: [{
          Architecture: "x64",
          InstallerUrl: windows.url,
          InstallerSha256: windows.sha256.toUpperCase(),
        }],
      }),
    ],
    [
      `${id}.locale.en-US.yaml`,
      file("defaultLocale", {
        PackageLocale: "en-US",
        Publisher: "The blit maintainers",
        PackageName: "blit",
        License: "MIT",
        ShortDescription: `${ABOUT}.`,
      }),
    ],
  ]);
}

/**
 * brew's formula.
 *
 * @param files by the name of the system; a system that is missing is one that the formula doesn't install on
 */
export function brewFormula(
  version: string,
  homepage: string,
  files: ReadonlyMap<string, Released>,
): string {
  // brew's audit allows one block for each system.
  const blocks = ["macos", "linux"].flatMap((os) => {
    const processors = [["arm", "arm64"], ["intel", "x64"]].flatMap(([cpu, name]) => {
      const file = files.get(`${os}-${name}`);
      return file === undefined ? [] : [
        `    on_${cpu} do
      url "${file.url}"
      sha256 "${file.sha256}"
    end
`,
      ];
    });
    return processors.length === 0 ? [] : [`  on_${os} do\n${processors.join("\n")}  end\n`];
  });
  return `class Blit < Formula
  desc "${ABOUT}"
  homepage "${homepage}"
  version "${version}"
  license "MIT"

${blocks.join("\n")}
  def install
    bin.install "blit", "blit-daemon"
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man8.install Dir["man/*.8"]
    generate_completions_from_executable(bin/"blit", "completions", shells: [:bash, :zsh, :fish])
  end

  test do
    (testpath/"src/a").write "1"
    system bin/"blit", "copy", "src/", "dst"
    assert_equal "1", (testpath/"dst/a").read
  end
end
`;
}
