/**
 * `deno task third-party`: writes THIRD-PARTY.txt, the parts that blit is made of with their licences, which goes along
 * with every program and package. `tests/packages/parts_test.ts` holds it against the lock files.
 *
 * @module
 */
import { ROOT } from "../tests/gate/command.ts";
import { licenceTexts, type Part, readParts } from "./parts.ts";

/** The file. */
export const THIRD_PARTY = new URL("THIRD-PARTY.txt", ROOT);

const HEAD = `What blit is made of beside its own code, with the licences of each part.

npm packages are in the programs of one file; crates are in the native library. The programs of one file also hold
Deno, which is under the MIT licence and names its own parts at https://github.com/denoland/deno.
`;

/** Text of the file. A licence that several parts have word by word stands there once. */
export function renderThirdParty(parts: readonly Part[]): string {
  const texts = new Map<string, string[]>();
  for (const part of parts) {
    for (const text of licenceTexts(part)) {
      texts.set(text, [...texts.get(text) ?? [], `${part.name} ${part.version}`]);
    }
  }
  const kinds = [["npm", "npm packages"], ["cargo", "Crates"]] as const;
  return [
    HEAD,
    ...kinds.map(([kind, title]) =>
      `${title}\n\n${
        parts.filter((part) => part.kind === kind)
          .map(({ name, version, licence }) => `  ${name} ${version}: ${licence}\n`).join("")
      }`
    ),
    ...[...texts].map(([text, names]) => `${"-".repeat(100)}\n${names.join(", ")}\n\n${text}\n`),
  ].join("\n");
}

if (import.meta.main) Deno.writeTextFileSync(THIRD_PARTY, renderThirdParty(await readParts()));
