/**
 * The list of paths of `--files-from`, read as a stream.
 *
 * Entries are separated by NUL where one stands in the first 64 KiB, or before whoever writes the list first pauses at the
 * end of a line, else by lines (LF or CRLF). In a list
 * of lines, empty ones and those that begin with `#` are skipped; a name that begins with `#` is written
 * `./#name`. Entries are bytes, so every name can be listed. `./`, `//` and a `/` at the end don't count. On Windows
 * a backslash separates names as well.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { bytesToName, displayName, isSafeRel, type RelPath } from "../core/rel_path.ts";

/** How much is looked at for a NUL. */
const DETECT_BYTES = 64 * 1024;
/** So long a list is silent where whoever writes it has nothing more for now. */
const PAUSE_MS = 200;
/** No system takes a longer path; what is longer is no list of paths. */
const MAX_ENTRY_BYTES = 64 * 1024;
const NUL = 0, LF = 10;

/**
 * Yields the paths of a list, holding one piece of it and one entry at a time.
 *
 * @param pieces the list's bytes, as read from a file or from standard input
 * @param label its name in messages: the file's, or `standard input`
 * @param os where it was written
 * @returns paths relative to the source; `""` stands for the source itself (an entry `.`)
 * @throws {BlitError} `usage`, with the line (or entry) number: an absolute path, one with `..`, one far
 *   too long; a list that is UTF-16
 */
export async function* readFilesFrom(
  pieces: AsyncIterable<Uint8Array>,
  label: string,
  os: typeof Deno.build.os = Deno.build.os,
): AsyncGenerator<RelPath, void, undefined> {
  const list = new ListReader(label, os);
  let head: Uint8Array[] | null = [];
  let headBytes = 0;
  for await (const piece of withPauses(pieces)) {
    if (head === null) {
      if (piece !== null) yield* list.push(piece);
      continue;
    }
    if (piece !== null) head.push(piece);
    headBytes += piece?.length ?? 0;
    const hasNul = piece !== null && piece.includes(NUL);
    const isLine = piece === null && head.at(-1)?.at(-1) === LF;
    if (hasNul || isLine || headBytes >= DETECT_BYTES) {
      if (isUtf16(head)) throw list.isUtf16();
      list.separator = hasNul ? NUL : LF;
      for (const early of head) yield* list.push(early);
      head = null;
    }
  }
  for (const early of head ?? []) yield* list.push(early);
  yield* list.end();
}

/** Yields what comes, and null where nothing has come for a while. */
async function* withPauses(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | null> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      const paused = Promise.withResolvers<null>();
      const timer = setTimeout(() => paused.resolve(null), PAUSE_MS);
      const first = await Promise.race([next, paused.promise]).finally(() => clearTimeout(timer));
      if (first === null) yield null;
      const step = first ?? await next;
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Whether a list begins as the redirections of Windows' older PowerShell do; its NULs separate nothing. */
function isUtf16(head: readonly Uint8Array[]): boolean {
  const [first, second, third, fourth] = head.flatMap((piece) => [...piece.subarray(0, 4)]);
  return (first === 0xff && second === 0xfe && fourth === 0) ||
    (first === 0xfe && second === 0xff && third === 0);
}

/** Cuts pieces into entries. */
class ListReader {
  separator: typeof NUL | typeof LF = LF;
  readonly #label: string;
  readonly #os: typeof Deno.build.os;
  /** The beginning of an entry whose end is in a later piece. */
  #rest = "";
  #number = 0;

  constructor(label: string, os: typeof Deno.build.os) {
    this.#label = label;
    this.#os = os;
  }

  /** The refusal of a whole list. */
  isUtf16(): BlitError {
    this.#number = 1;
    return this.#error(
      "the list is UTF-16",
      "Write it as UTF-8: dir -Name | Out-File -Encoding utf8 FILE",
    );
  }

  *push(piece: Uint8Array): Generator<RelPath> {
    let start = 0;
    for (;;) {
      const at = piece.indexOf(this.separator, start);
      const end = at < 0 ? piece.length : at;
      if (this.#rest.length + end - start > MAX_ENTRY_BYTES) {
        this.#number++;
        throw this.#error("this entry is over 64 KiB long", "Is this a list of paths?");
      }
      this.#rest += bytesToName(piece, start, end - start);
      if (at < 0) return;
      yield* this.#take();
      start = at + 1;
    }
  }

  *end(): Generator<RelPath> {
    if (this.#rest !== "") yield* this.#take();
  }

  *#take(): Generator<RelPath> {
    this.#number++;
    let entry = this.#rest;
    this.#rest = "";
    if (this.separator === LF) {
      if (this.#number === 1) entry = entry.replace(/^\xef\xbb\xbf/, "");
      if (entry.endsWith("\r")) entry = entry.slice(0, -1);
      if (entry.startsWith("#")) return;
    }
    if (entry === "") return;
    const shown = displayName(entry);
    if (this.#os === "windows") entry = entry.replaceAll("\\", "/");
    if (entry.startsWith("/") || (this.#os === "windows" && /^[A-Za-z]:/.test(entry))) {
      throw this.#error(`"${shown}" is an absolute path`, "List paths relative to the source.");
    }
    const path = entry.split("/").filter((part) => part !== "" && part !== ".").join("/");
    if (!isSafeRel(path)) {
      throw this.#error(
        path.includes("\0") ? `"${shown}" has a NUL in it` : `"${shown}" leads out of the source`,
        path.includes("\0")
          ? "Separate all entries with NUL, or all with line ends."
          : "List paths below the source, without ..",
      );
    }
    yield path;
  }

  #error(problem: string, advice: string): BlitError {
    const where = `${this.separator === LF ? "line" : "entry"} ${this.#number}`;
    return new BlitError("usage", `${displayName(this.#label)}, ${where}: ${problem}. ${advice}`, {
      operation: "read the list of files",
      path: displayName(this.#label),
      advice,
    });
  }
}
