/**
 * A manual page as text for a terminal, from the macros that `roff.ts` writes.
 *
 * @module
 */
import { type ManPage, renderMan } from "../app/roff.ts";
import { wrap } from "./wrap.ts";

const BODY = "    ";
const BELOW_TAG = "        ";

/**
 * Formats a page.
 *
 * @param width columns of the terminal
 */
export function manText(page: ManPage, width: number): string {
  const lines: string[] = [];
  let words: string[] = [];
  let indent = BODY;
  // What follows .TP is a tag; .nf to .fi is kept as it stands.
  let isTag = false, isVerbatim = false, isBelowHeading = true;
  const flush = () => {
    if (words.length > 0) lines.push(...wrap(words.join(" "), width, indent));
    words = [];
  };
  const heading = (text: string, before: string) => {
    flush();
    if (!isBelowHeading) lines.push("");
    lines.push(`${before}${text}`);
    indent = BODY;
    isBelowHeading = true;
  };
  for (const line of renderMan(page).split("\n")) {
    const [, macro, rest] = /^\.([A-Za-z]+) ?(.*)$/.exec(line) ?? [null, null, line];
    if (macro === "TH" || line === "") continue;
    else if (macro === "SH") heading(plain(rest), "");
    else if (macro === "SS") heading(plain(rest), "  ");
    else if (macro === "PP" || macro === "TP") {
      flush();
      if (!isBelowHeading) lines.push("");
      indent = BODY;
      isTag = macro === "TP";
    } else if (macro === "nf" || macro === "fi") {
      flush();
      isVerbatim = macro === "nf";
    } else {
      isBelowHeading = false;
      const text = macro === "BR" ? rest.replaceAll(" ", "") : rest;
      if (isTag) {
        lines.push(`${indent}${plain(text)}`);
        indent = BELOW_TAG;
        isTag = false;
      } else if (isVerbatim) lines.push(`${indent}${plain(text)}`);
      else words.push(plain(text));
    }
  }
  flush();
  return `${lines.join("\n")}\n`;
}

/** Takes back what roff wants escaped. */
function plain(text: string): string {
  return text.replaceAll(/\\f[BRI]|\\&/g, "").replaceAll("\\-", "-").replaceAll("\\(aq", "'")
    .replaceAll("\\(dq", '"').replaceAll("\\e", "\\");
}
