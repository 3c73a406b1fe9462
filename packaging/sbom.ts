/**
 * `deno task sbom`: writes dist/blit-VERSION.cdx.json, the software bill of materials of a release, in the form of
 * CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).
 *
 * usage: sbom.ts [--out DIR]    (default dist)
 *
 * @module
 */
import { parseArgs } from "node:util";
import { VERSION } from "../src/app/version.ts";
import { idOf, type Part, readParts } from "./parts.ts";

/**
 * The bill for these parts; the same parts make the same bill.
 *
 * @param deno version of Deno, which the programs of one file carry whole; its own parts are named where it comes from
 */
export function renderSbom(
  parts: readonly Part[],
  deno = Deno.version.deno,
): Record<string, unknown> {
  const own = `pkg:generic/blit@${VERSION}`;
  const runtime = `pkg:github/denoland/deno@v${deno}`;
  const used = new Set(parts.flatMap(({ uses }) => uses));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: "blit",
        version: VERSION,
        purl: own,
        licenses: [{ license: { id: "MIT" } }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": runtime,
        name: "deno",
        version: deno,
        purl: runtime,
        licenses: [{ license: { id: "MIT" } }],
      },
      ...parts.map((part) => ({
        type: "library",
        "bom-ref": idOf(part),
        name: part.name,
        version: part.version,
        purl: idOf(part),
        licenses: [{ expression: part.licence }],
        hashes: [{ alg: part.digest.alg, content: part.digest.hex }],
      })),
    ],
    dependencies: [
      { ref: own, dependsOn: [runtime, ...parts.map(idOf).filter((id) => !used.has(id))] },
      { ref: runtime, dependsOn: [] },
      ...parts.map((part) => ({ ref: idOf(part), dependsOn: part.uses })),
    ],
  };
}

if (import.meta.main) {
  const { values: { out } } = parseArgs({ options: { out: { type: "string", default: "dist" } } });
  Deno.mkdirSync(out, { recursive: true });
  const path = `${out}/blit-${VERSION}.cdx.json`;
  Deno.writeTextFileSync(path, `${JSON.stringify(renderSbom(await readParts()), null, 2)}\n`);
  console.log(path);
}
