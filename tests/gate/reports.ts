/**
 * Reads what test runners and the coverage tool print. Pure.
 *
 * @module
 */

/** A test or step that did not run, and why. */
export interface Skip {
  readonly name: string;
  readonly reason: string;
}

/** What a step of the gate counted. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skips: readonly Skip[];
  /** What failed and what it said, a text each; told again at the end, where a cut log still shows it. */
  readonly failures: readonly string[];
}

/** Of a step that has no tests of its own and went well. */
export const PASSED: Counts = { passed: 0, failed: 0, skips: [], failures: [] };
/** Of a step that has no tests of its own, failed, and said why as it ran. */
export const FAILED: Counts = { ...PASSED, failed: 1 };

/** What several runs came to. */
export function sumOf(runs: readonly Counts[]): Counts {
  return {
    passed: runs.reduce((sum, { passed }) => sum + passed, 0),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    skips: runs.flatMap(({ skips }) => skips),
    failures: runs.flatMap(({ failures }) => failures),
  };
}

/** Lines kept of one failure's words. */
const FAILURE_LINES = 25;

/** The first lines of a failure's words below its name. */
function failure(name: string, words: string): string {
  const lines = words.trim().split("\n");
  const more = lines.length > FAILURE_LINES ? [`(${lines.length - FAILURE_LINES} lines more)`] : [];
  return [name, ...lines.slice(0, FAILURE_LINES), ...more].join("\n");
}

/** What a program that failed said last. */
export function lastWords(output: string): string {
  return output.trim().split("\n").slice(-FAILURE_LINES).join("\n");
}

/** Reads the JUnit report that `deno test` writes; steps of a test count like tests. */
export function readJunit(xml: string): Counts {
  let passed = 0;
  const skips: Skip[] = [], failures: string[] = [];
  for (
    const [, attributes, body] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)
  ) {
    const name = unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "?");
    if (/<(failure|error)\b/.test(body ?? "")) {
      failures.push(failure(name, unescapeXml(body.replace(/<[^>]*>/g, ""))));
    } else if (/<skipped\b/.test(body ?? "")) skips.push({ name, reason: "ignored" });
    else passed++;
  }
  return { passed, failed: failures.length, skips, failures };
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(
    /&(?:#(\d+)|(\w+));/g,
    (whole, code, name) =>
      code !== undefined ? String.fromCodePoint(Number(code)) : named[name] ?? whole,
  );
}

/** Reads the words of `cargo test`, any number of test binaries. */
export function readCargoTest(text: string): Counts {
  let passed = 0, failed = 0;
  for (const [, ok, bad] of text.matchAll(/^test result: .*? (\d+) passed; (\d+) failed;/gm)) {
    passed += Number(ok);
    failed += Number(bad);
  }
  const skips = [...text.matchAll(/^test (\S+).* \.\.\. ignored(?:, (.*))?$/gm)]
    .map(([, name, reason]) => ({ name, reason: reason ?? "ignored" }));
  const failures = [...text.matchAll(/^---- (.+?) stdout ----\n(.*?)(?=\n(?:----|failures:))/gms)]
    .map(([, name, words]) => failure(name, words));
  return { passed, failed, skips, failures };
}

/** Reads the lines `SKIP: NAME: REASON` that tests print where they can only tell while they run. */
export function readSkipLines(text: string): Skip[] {
  return [...text.matchAll(/^SKIP: (.+?)(?:: (.*))?$/gm)]
    .map(([, name, reason]) => ({ name, reason: reason ?? "skipped" }));
}

/**
 * What the tests of one program come to: its report, the skips that it told as it ran, and its exit code,
 * since a module that doesn't load, a leak outside of a test or a crash is no test case.
 */
export function judged(counts: Counts, code: number, output: string): Counts {
  const silent = code !== 0 && counts.failed === 0;
  return {
    passed: counts.passed,
    failed: silent ? 1 : counts.failed,
    skips: [...counts.skips, ...readSkipLines(output)],
    failures: silent ? [lastWords(output)] : counts.failures,
  };
}

/**
 * Lists the skips that nobody allowed.
 *
 * @param allowed text of `.ci/allowed-skips`: a name a line, `#` comments; a `*` at the end stands for any rest
 */
export function unexpectedSkips(skips: readonly Skip[], allowed: string): Skip[] {
  const names = allowed.split("\n").map((line) => line.replace(/(^|\s)#.*/, "").trim()).filter(
    Boolean,
  );
  return skips.filter(({ name }) =>
    !names.some((entry) =>
      entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : name === entry
    )
  );
}

/** Lines of one source file that hold code, and how many of them a test reached. */
export interface FileCoverage {
  readonly path: string;
  readonly lines: number;
  readonly hit: number;
}

/**
 * Joins an lcov report with the sources it is about.
 *
 * Deno counts comments and blank lines as reached, and leaves out files that nothing loaded: here
 * only lines of code count, and a file that was never loaded counts as not reached, unless it holds
 * types alone.
 *
 * @param lcov the report
 * @param sources text of every source file that has to be covered, by its path as in the report
 */
export function readCoverage(lcov: string, sources: ReadonlyMap<string, string>): FileCoverage[] {
  const hits = new Map<string, Map<number, number>>();
  let current: Map<number, number> | undefined;
  for (const line of lcov.split("\n")) {
    if (line.startsWith("SF:")) hits.set(line.slice(3), current = new Map());
    const data = /^DA:(\d+),(\d+)/.exec(line);
    if (data) current?.set(Number(data[1]), Number(data[2]));
  }
  const result: FileCoverage[] = [];
  for (const [path, source] of sources) {
    const reached = hits.get(path);
    if (reached === undefined && !hasRuntimeCode(source)) continue;
    let lines = 0, hit = 0;
    for (const [index, text] of source.split("\n").entries()) {
      if (/^\s*($|\/\/|\/?\*)/.test(text)) continue;
      const times = reached === undefined ? 0 : reached.get(index + 1);
      if (times === undefined) continue;
      lines++;
      if (times > 0) hit++;
    }
    result.push({ path, lines, hit });
  }
  return result;
}

function hasRuntimeCode(source: string): boolean {
  return /^(export )?(default )?(async )?(function|const|let|class|abstract class)\b/m.test(source);
}

/** Tests kill processes, some of them while they write what they covered: one torn file fails the whole report. */
export function dropTornFiles(folder: string): void {
  const last = new Uint8Array(1);
  for (const { name } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    using file = Deno.openSync(path);
    const size = file.statSync().size;
    if (size > 0) file.seekSync(-1, Deno.SeekMode.End);
    if (size === 0 || file.readSync(last) !== 1 || last[0] !== 0x7d) Deno.removeSync(path);
  }
}
