/**
 * Manual pages: text to the macros of man(7).
 *
 * @module
 */
import { RELEASED, VERSION } from "./version.ts";

/** One part of a page, under a heading. */
export interface ManSection {
  readonly heading: string;
  /** Lines, each a macro or text as {@link text}, {@link entries} and the like make them. */
  readonly body: readonly string[];
}

/** One page. */
export interface ManPage {
  /** `blit-copy`. */
  readonly name: string;
  /** `1` commands, `5` files, `8` administration. */
  readonly section: 1 | 5 | 8;
  /** What NAME says of it: a few words, no full stop. */
  readonly summary: string;
  readonly sections: readonly ManSection[];
}

/** What has a page of its own: a name and its section. */
export type ManReference = readonly [name: string, section: ManPage["section"]];

/** mandoc calls longer lines of source bad style. */
const LINE_CHARACTERS = 78;

const VOLUMES: Readonly<Record<ManPage["section"], string>> = {
  1: "User Commands",
  5: "File Formats",
  8: "System Administration",
};

/** File name of a page: `blit-copy.1`. */
export function manFileName({ name, section }: Pick<ManPage, "name" | "section">): string {
  return `${name}.${section}`;
}

/** Renders a page. */
export function renderMan({ name, section, summary, sections }: ManPage): string {
  return [
    `.TH ${name.toUpperCase()} ${section} ${RELEASED} "blit ${VERSION}" "${VOLUMES[section]}"`,
    ".SH NAME",
    ...wrapped(`${plain(name)} \\- ${plain(summary)}`),
    ...sections.filter(({ body }) => body.length > 0)
      .flatMap(({ heading, body }) => [`.SH ${heading}`, ...body]),
    "",
  ].join("\n");
}

/** A paragraph; what stands between backticks is set bold, links keep their words. */
export function text(words: string): string[] {
  return wrapped(styled(words));
}

/** Paragraphs. */
export function paragraphs(all: readonly string[]): string[] {
  return all.flatMap((words, i) => [...(i > 0 ? [".PP"] : []), ...text(words)]);
}

/** Tagged paragraphs: an option and what it does. */
export function entries(rows: readonly (readonly [tag: string, words: string])[]): string[] {
  return rows.flatMap(([tag, words]) => [".TP", bold(tag), ...(words ? text(words) : [])]);
}

/** Lines as they are typed. */
export function verbatim(lines: readonly string[]): string[] {
  return [".nf", ...lines.map((line) => guarded(plain(line))), ".fi"];
}

/** One line of the synopsis. */
export function synopsis(line: string): string {
  return bold(line);
}

/** A sub-heading. */
export function subheading(words: string): string {
  return `.SS ${plain(words)}`;
}

/** The other pages that a page names. */
export function references(pages: readonly ManReference[]): string[] {
  return pages.map(([name, section], i) =>
    `.BR ${plain(name)} (${section})${i < pages.length - 1 ? " ," : ""}`
  );
}

function bold(words: string): string {
  // A quote would end a macro's argument.
  return `.B ${plain(words).replaceAll('"', "\\(dq")}`;
}

function styled(words: string): string {
  return words.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, "$1").split("`")
    .map((part, i) => i % 2 === 0 ? plain(part) : `\\fB${plain(part)}\\fR`).join("");
}

/** Escapes what roff would take for its own. */
function plain(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...")
    .replaceAll("'", "\\(aq");
}

function wrapped(words: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > LINE_CHARACTERS) {
      lines.push(line);
      line = "";
    }
    line += (line === "" ? "" : " ") + word;
  }
  return [...lines, line].map(guarded);
}

/** A line that begins with a dot or a quote is taken for a macro. */
function guarded(line: string): string {
  return line.replace(/^[.']/, "\\&$&");
}
