/**
 * The gate's look at proto/: style, compatibility, and that the generated code is what it generates.
 *
 * @module
 */
import { ask, isThere, ROOT, run } from "./command.ts";
import { type Counts, FAILED, PASSED } from "./reports.ts";

/** One version each, wherever the gate runs. */
const BUF = "@bufbuild/buf@1.75.0", GENERATOR = "@bufbuild/protoc-gen-es@2.17.0";
/** What every released client may send; renewed with a release (docs/releasing.md). */
const BASELINE = "baseline.binpb";

/** Runs buf's checks and compares its output with src/gen. */
export async function checkProto(): Promise<Counts> {
  if (await ask("npx", "--version") === null) {
    return { ...PASSED, skips: [{ name: "proto", reason: "npx was not found" }] };
  }
  const steps: string[][] = [["lint"], ["breaking", "--against", BASELINE]];
  for (const step of steps) if (!await buf(step)) return FAILED;
  return await isGenerated() ? PASSED : FAILED;
}

async function buf(args: readonly string[]): Promise<boolean> {
  const words = ["-y", "-p", BUF, "-p", GENERATOR, "--", "buf", ...args];
  return (await run("npx", words, { cwd: new URL("proto/", ROOT) })).code === 0;
}

async function isGenerated(): Promise<boolean> {
  const folder = Deno.makeTempDirSync({ prefix: "blit-gen-" });
  try {
    const plugin = {
      local: "protoc-gen-es",
      out: folder,
      opt: ["target=ts", "import_extension=ts"],
    };
    const template = JSON.stringify({ version: "v2", plugins: [plugin] });
    if (!await buf(["generate", "--template", template])) return false;
    const made = filesIn(folder),
      kept = filesIn(decodeURIComponent(new URL("src/gen", ROOT).pathname));
    const differ = [...new Set([...made.keys(), ...kept.keys()])]
      .filter((path) => made.get(path) !== kept.get(path));
    for (const path of differ) {
      console.log(`src/gen/${path} isn't what proto/ generates: run buf generate in proto/.`);
    }
    return differ.length === 0;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Content of every file below a folder, by path. */
function filesIn(folder: string, below = "", found = new Map<string, string>()) {
  if (!isThere(folder)) return found;
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    const path = below === "" ? name : `${below}/${name}`;
    if (isDirectory) filesIn(folder, path, found);
    else found.set(path, Deno.readTextFileSync(`${folder}/${path}`));
  }
  return found;
}
