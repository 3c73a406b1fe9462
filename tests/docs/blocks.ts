/**
 * The examples in Markdown pages.
 *
 * A block that begins with ` ```sh run ` is run by a test, one with ` ```sh run exit=1 ` must end with that
 * status. A ` ```text ` block that follows is what it prints, on both streams; in ` ```text sample ` only
 * the form counts.
 *
 * The blocks of a page that begin with ` ```sh step ` are run one after another, in one made-up machine with a daemon's
 * name: what one does, the next finds (`story.ts`). So are ` ```crontab step `, whose commands are run once, and
 * ` ```jsonc file=PATH `, ` ```ini file=PATH `, which are written there. What is typed where no test can be, on a machine
 * that has just been bought, is ` ```sh elsewhere=FILE `, and FILE is the test that does it there.
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

/** One step of a page's story. */
export type Step =
  | (Example & { readonly kind: "run" })
  | { readonly kind: "file"; readonly line: number; readonly path: string; readonly text: string };

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
  for (const name of ["README.md", "SECURITY.md"]) {
    found.set(name, Deno.readTextFileSync(new URL(name, ROOT)));
  }
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
  return blocks.flatMap((block, i) => {
    const match = /^sh run(?: exit=(\d+))?$/.exec(block.info);
    if (!match) return [];
    return [{
      line: block.line,
      script: block.text,
      exitStatus: Number(match[1] ?? 0),
      prints: printedBehind(block, blocks[i + 1]),
    }];
  });
}

/** The steps of a page, in order. */
export function stepsOf(page: string): Step[] {
  const blocks = blocksOf(page);
  return blocks.flatMap((block, i): Step[] => {
    const { line, info, text } = block;
    const path = /^\w+ file=(\S+)$/.exec(info)?.[1];
    if (path !== undefined) return [{ kind: "file", line, path, text }];
    if (info === "crontab step") {
      const script = text.replace(/^(\S+ +){5}/gm, "");
      return [{ kind: "run", line, script, exitStatus: 0, prints: null }];
    }
    const match = /^sh step(?: exit=(\d+))?$/.exec(info);
    if (!match) return [];
    const exitStatus = Number(match[1] ?? 0);
    return [{
      kind: "run",
      line,
      script: text,
      exitStatus,
      prints: printedBehind(block, blocks[i + 1]),
    }];
  });
}

/** What a page says that a block prints: the text block behind it. */
function printedBehind({ line, text }: Block, next: Block | undefined): string | null {
  const end = line + text.split("\n").length + 1;
  return next?.info === "text" && next.line <= end + 2 ? next.text : null;
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
