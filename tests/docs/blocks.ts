/**
 * The examples in Markdown pages.
 *
 * A block that begins with ` ```sh run ` is run by a test, one with ` ```sh run exit=1 ` must end with that
 * status. A ` ```text ` block that follows is what it prints, on both streams; in ` ```text sample ` only
 * the form counts.
 *
 * @module
 */

/** Folder of the project. */
export const ROOT = new URL("../../", import.meta.url);

/** One fenced block. */
export interface Block {
  /** Line of its fence, 1-based. */
  readonly line: number;
  /** What stands behind the fence: `sh run`, `json`. */
  readonly info: string;
  readonly text: string;
}

/** A block that is to be run. */
export interface Example {
  readonly line: number;
  readonly script: string;
  readonly exitStatus: number;
  /** What it prints; null where the page doesn't say. */
  readonly prints: string | null;
}

/** Every page of the project, by its path from the root. */
export function pages(): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (isDirectory) visit(`${folder}${name}/`);
      else if (name.endsWith(".md")) {
        found.set(folder + name, Deno.readTextFileSync(new URL(folder + name, ROOT)));
      }
    }
  };
  visit("docs/");
  found.set("README.md", Deno.readTextFileSync(new URL("README.md", ROOT)));
  return found;
}

/** The fenced blocks of a page. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = page.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (!lines[i].startsWith("```")) continue;
    const end = lines.indexOf("```", i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: the block has no end`);
    blocks.push({
      line: i + 1,
      info: lines[i].slice(3),
      text: lines.slice(i + 1, end).join("\n"),
    });
    i = end;
  }
  return blocks;
}

/** The blocks of a page that are to be run. */
export function examplesOf(page: string): Example[] {
  const blocks = blocksOf(page);
  return blocks.flatMap(({ line, info, text }, i) => {
    const match = /^sh run(?: exit=(\d+))?$/.exec(info);
    if (!match) return [];
    const next = blocks[i + 1];
    const end = line + text.split("\n").length + 1;
    const follows = next?.info === "text" && next.line <= end + 2;
    return [{
      line,
      script: text,
      exitStatus: Number(match[1] ?? 0),
      prints: follows ? next.text : null,
    }];
  });
}

/**
 * What a command printed, without what differs from run to run: the folder, durations, times, owners, the
 * order in which the two streams came.
 *
 * @param folder that it ran in
 */
export function steady(printed: string, folder: string): string[] {
  return printed.replaceAll(folder, "/data")
    .replace(/, [\d.]+ [KMG]iB\/s/g, "")
    .replace(/\b\d+(\.\d+)? (ms|s)\b/g, "1 ms")
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d\b/g, "2026-01-02 03:04")
    .replace(/ \d+:\d+ /g, " 0:0 ")
    .split("\n").map((line) => line.replace(/ +/g, " ").trim()).filter((line) => line !== "")
    .sort();
}
