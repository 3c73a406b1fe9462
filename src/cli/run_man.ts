/**
 * man: a manual page, in the form that man(1) formats.
 *
 * @module
 */
import { renderMan } from "../app/roff.ts";
import { BlitError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import type { Invocation } from "./invocation.ts";
import { clientPages } from "./man.ts";

/**
 * Prints the page of a topic.
 *
 * @throws {BlitError} `usage` for one that has none
 */
export function run({ args, terminal }: Invocation): Promise<number> {
  const topic = args[0] ?? "blit";
  const words = topic.replaceAll(" ", "-");
  const pages = clientPages();
  const page = pages.find(({ name }) => name === words || name === `blit-${words}`);
  if (!page) {
    const near = didYouMean(
      words,
      pages.map(({ name }) => name.replace(/^blit-/, "")),
      "blit man ",
    );
    throw new BlitError(
      "usage",
      `No page "${topic}".${near || " blit man shows which there are."}`,
    );
  }
  terminal.write(renderMan(page));
  return Promise.resolve(0);
}
