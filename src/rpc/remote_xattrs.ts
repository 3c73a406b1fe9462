/**
 * Extended attributes of single entries, asked for together: what is wanted in one turn goes in one call.
 *
 * @module
 */
import { BlitError, kindFromPeer } from "../core/error.ts";
import { bytesToName, type RelPath } from "../core/rel_path.ts";
import type { EntryXattrs, Xattr } from "../gen/blit/v1/session_pb.ts";
import type { Attributes } from "../wire/attributes.ts";
import { peerText } from "./peer_text.ts";

/** Most entries of one call. */
const MOST_PATHS = 4096;
/** Linux's own limit. */
const LONGEST_NAME = 255;
const LONGEST_WORDS = 4096;

interface Question {
  readonly path: RelPath;
  readonly answer: PromiseWithResolvers<Attributes>;
}

/** Collects questions and puts them together. */
export class RemoteXattrs {
  readonly #ask: (paths: readonly RelPath[]) => Promise<readonly EntryXattrs[]>;
  #waiting: Question[] = [];

  /** @param ask puts one question of up to 4,096 paths; answers the first of them, as many as it likes */
  constructor(ask: (paths: readonly RelPath[]) => Promise<readonly EntryXattrs[]>) {
    this.#ask = ask;
  }

  /** See `Tree.xattrs`. */
  xattrs(path: RelPath): Promise<Attributes> {
    const answer = Promise.withResolvers<Attributes>();
    this.#waiting.push({ path, answer });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    return answer.promise;
  }

  #flush(): void {
    const questions = this.#waiting.splice(0);
    for (let at = 0; at < questions.length; at += MOST_PATHS) {
      this.#put(questions.slice(at, at + MOST_PATHS));
    }
  }

  async #put(questions: readonly Question[]): Promise<void> {
    let rest = questions;
    try {
      while (rest.length > 0) {
        const entries = await this.#ask(rest.map(({ path }) => path));
        if (entries.length === 0 || entries.length > rest.length) throw misread();
        for (const [i, entry] of entries.entries()) settle(rest[i], entry);
        rest = rest.slice(entries.length);
      }
    } catch (error) {
      for (const { answer } of rest) answer.reject(error);
    }
  }
}

/**
 * Attributes as a peer told them.
 *
 * @throws {BlitError} `mismatch` where a name is none, or comes twice
 */
export function attributesFromPeer(xattrs: readonly Xattr[]): Attributes {
  const attributes = new Map<string, Uint8Array>();
  for (const { name: bytes, value } of xattrs) {
    const name = bytesToName(bytes);
    const isName = name !== "" && name.length <= LONGEST_NAME && !name.includes("\0");
    if (!isName || attributes.has(name)) throw misread();
    attributes.set(name, value);
  }
  return attributes;
}

function settle({ answer }: Question, { xattrs, kind, message }: EntryXattrs): void {
  if (kind === "") answer.resolve(attributesFromPeer(xattrs));
  else {
    answer.reject(
      new BlitError(kindFromPeer(kind), peerText(message, LONGEST_WORDS), { operation: "read" }),
    );
  }
}

function misread(): BlitError {
  return new BlitError(
    "mismatch",
    "Cannot read extended attributes: the answer is about something else.",
  );
}
