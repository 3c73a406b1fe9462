/**
 * `deno task package:jsr`: makes the folder that `deno publish` sends to the registry as `@blit/cli`.
 *
 * usage: jsr.ts [--out DIR]    (default dist/jsr)
 *
 * It is the clone's published part with one difference: `@blit/native` is the npm package of the native library, in exactly this version.
 * In the clone it is nothing, so that no registry is asked while somebody works on blit.
 *
 * @module
 */
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { isThere, ROOT } from "../tests/gate/command.ts";
import { VERSION } from "../src/app/version.ts";

/** deno.json as it is published. */
export function publishedConfig(text: string): string {
  const { name, version, license, exports, imports, publish } = JSON.parse(text);
  imports["@blit/native"] = `npm:@blit/native@${VERSION}`;
  const config = { name, version, license, exports, imports, nodeModulesDir: "none", publish };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Makes the folder. */
export function stagePublished(out: string): void {
  if (isThere(out)) Deno.removeSync(out, { recursive: true });
  Deno.mkdirSync(out, { recursive: true });
  const config = Deno.readTextFileSync(new URL("deno.json", ROOT));
  for (const path of JSON.parse(config).publish.include as string[]) copy(path, out);
  Deno.writeTextFileSync(`${out}/deno.json`, publishedConfig(config));
}

function copy(path: string, out: string): void {
  const from = new URL(path, ROOT);
  if (Deno.statSync(from).isDirectory) {
    for (const { name } of Deno.readDirSync(from)) copy(`${path}/${name}`, out);
    return;
  }
  if (path.endsWith("_test.ts")) return;
  Deno.mkdirSync(dirname(`${out}/${path}`), { recursive: true });
  Deno.copyFileSync(from, `${out}/${path}`);
}

if (import.meta.main) {
  const { values: { out } } = parseArgs({
    options: { out: { type: "string", default: "dist/jsr" } },
  });
  stagePublished(out);
  console.log(`cd ${out} && deno publish`);
}
