/**
 * `deno task man`: writes the manual pages of docs/man, which come from the tables of commands, options, flags and
 * configuration. `tests/docs/man_test.ts` holds them against the tables.
 *
 * @module
 */
import { manFileName, renderMan } from "../src/app/roff.ts";
import { clientPages } from "../src/cli/man.ts";
import { daemonPages } from "../src/daemon/man.ts";

/** Folder of the pages. */
export const MAN = new URL("../docs/man/", import.meta.url);

/** Every page by its file name. */
export function manPages(): Map<string, string> {
  return new Map(
    [...clientPages(), ...daemonPages()].map((page) => [manFileName(page), renderMan(page)]),
  );
}

if (import.meta.main) {
  const pages = manPages();
  Deno.mkdirSync(MAN, { recursive: true });
  for (const { name } of [...Deno.readDirSync(MAN)]) {
    if (!pages.has(name)) Deno.removeSync(new URL(name, MAN));
  }
  for (const [name, page] of pages) Deno.writeTextFileSync(new URL(name, MAN), page);
}
