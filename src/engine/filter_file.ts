/**
 * The lines of a `--filter-from` file.
 *
 *     # a comment; lines that begin with ; are comments too
 *     + *.pdf
 *     - /build/
 *
 * `+ ` includes, `- ` excludes, the first rule that matches decides. Spaces before a line and spaces after
 * it that no backslash escapes don't count; lines may end in CRLF.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { FilterRule } from "../core/options.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import { compilePattern } from "./filter_pattern.ts";

/**
 * Reads the rules of a `--filter-from` file.
 *
 * @param content the file's bytes, UTF-8
 * @param file its name, for messages and for {@link FilterRule.origin}
 * @returns the rules in order, each of which compiles
 * @throws {BlitError} `usage` with file, line and column
 */
export function parseFilterFile(content: Uint8Array, file: string): FilterRule[] {
  const shown = displayName(textToName(file));
  const rules: FilterRule[] = [];
  let lineNumber = 0, start = 0;
  while (start < content.length) {
    lineNumber++;
    const newline = content.indexOf(10, start);
    const end = newline < 0 ? content.length : newline;
    const origin = `${shown}:${lineNumber}`;
    const rule = parseLine(decodeLine(content.subarray(start, end), origin), origin);
    if (rule) rules.push(rule);
    start = end + 1;
  }
  return rules;
}

function decodeLine(bytes: Uint8Array, origin: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r$/, "");
  } catch (cause) {
    const good = new TextDecoder().decode(bytes);
    const column = [...good.slice(0, Math.max(0, good.indexOf("\ufffd")))].length + 1;
    throw new BlitError(
      "usage",
      `${origin}:${column}: this is not UTF-8 text. Save the file as UTF-8, or match such names with ?.`,
      { operation: "read the rules", cause },
    );
  }
}

function parseLine(line: string, origin: string): FilterRule | null {
  const body = line.trimStart();
  if (body === "" || body[0] === "#" || body[0] === ";") return null;
  const indent = [...line.slice(0, line.length - body.length)].length;
  const action = body[0] === "+" ? "include" : body[0] === "-" ? "exclude" : null;
  const written = body.slice(1).trimStart();
  if (!action || written.length === body.length - 1) {
    throw new BlitError(
      "usage",
      `${origin}:${indent + 1}: a rule begins with "+ " or "- ", a comment with "#". ` +
        `Write "- ${
          displayName(textToName(body.replace(/^[+-]/, "").trimEnd()))
        }" to exclude that.`,
      { operation: "read the rules" },
    );
  }
  const rule = { action, pattern: trimEnd(written), origin } as const;
  compilePattern(rule, indent + 1 + body.length - written.length);
  return rule;
}

/** Drops blanks at the end, but for one that a backslash escapes. */
function trimEnd(text: string): string {
  const trimmed = text.trimEnd();
  const backslashes = trimmed.length - trimmed.replace(/\\+$/, "").length;
  return backslashes % 2 === 1 ? text.slice(0, trimmed.length + 1) : trimmed;
}
