/**
 * man: a manual page, on a terminal as text, else in the form that man(1) formats.
 *
 * @module
 */
import { renderMan } from "../app/roff.ts";
import { BlitError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import type { Invocation } from "./invocation.ts";
import { clientPages } from "./man.ts";

const WIDEST = 100;

/**
 * Prints the page of a topic.
 *
 * @throws {BlitError} `usage` for one that has none
 */
export async function run({ args, terminal }: Invocation): Promise<number> {
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
  if (terminal.outIsTerminal) {
    const { manText } = await import("./man_text.ts");
    terminal.write(manText(page, Math.min(WIDEST, terminal.columns())));
  } else terminal.write(renderMan(page));
  return 0;
}
