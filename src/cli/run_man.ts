/**
 * man: the manual page blit(1).
 *
 * @module
 */
import { renderMan } from "../app/roff.ts";
import type { Invocation } from "./invocation.ts";
import { overviewPage } from "./man.ts";

/** Prints the page. */
export function run({ terminal }: Invocation): Promise<number> {
  terminal.write(renderMan(overviewPage()));
  return Promise.resolve(0);
}
