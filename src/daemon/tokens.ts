/**
 * Users' tokens: made here, shown once, kept as hashes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { BlitError } from "../core/error.ts";
import { randomText } from "../net/token.ts";
import type { ModuleSpec } from "../rpc/service/host.ts";
import { ACCESS, type Access } from "../rpc/service/rights.ts";
import { fileStamp, readText, writeSecret } from "./files.ts";

/** Name of the file in the state folder. */
export const TOKENS_FILE = "tokens.json";
/** `--module` of the default root, and of every module. */
export const DEFAULT_ROOT = "/", EVERY_MODULE = "*";

/** Begins every token, so that one found in the wrong place is known for what it is. */
const PREFIX = "blit_";
const SECRET_BYTES = 32;
/** Longer ones are no tokens. */
const LONGEST_SECRET = 128;

/** A token as it is kept. */
export interface TokenRecord {
  readonly name: string;
  /** Module names, {@link DEFAULT_ROOT} or {@link EVERY_MODULE}. */
  readonly modules: readonly string[];
  readonly access: Access;
  /** SHA-256 of the token, base64. */
  readonly sha256: string;
  /** When it was made, ISO 8601. */
  readonly created: string;
}

const FILE = v.object({
  version: v.literal(1),
  tokens: v.array(v.object({
    name: v.string(),
    modules: v.array(v.string()),
    access: v.picklist(ACCESS),
    sha256: v.pipe(v.string(), v.check((text) => Buffer.from(text, "base64").length === 32)),
    created: v.string(),
  })),
});

/** What a blit-daemon to come may write. */
const NEWER_FILE = v.object({ version: v.pipe(v.number(), v.minValue(2)) });

/** The tokens of one state folder. */
export class TokenStore {
  readonly path: string;
  #stamp: string | null = null;
  #records: readonly TokenRecord[] = [];

  /** @param folder the daemon's state folder */
  constructor(folder: string) {
    this.path = join(folder, TOKENS_FILE);
  }

  /**
   * All tokens, read again where the file changed.
   *
   * @throws {BlitError} `corrupt` where the file isn't one of tokens: then nobody gets in
   */
  all(): readonly TokenRecord[] {
    const stamp = fileStamp(this.path);
    if (stamp === this.#stamp) return this.#records;
    this.#records = this.#read();
    this.#stamp = stamp;
    return this.#records;
  }

  /** Whose token this is; null where it is nobody's. Takes as long whichever it is. */
  find(secret: string): TokenRecord | null {
    const hash = createHash("sha256").update(secret.slice(0, LONGEST_SECRET)).digest();
    let found: TokenRecord | null = null;
    for (const record of this.all()) {
      if (timingSafeEqual(hash, Buffer.from(record.sha256, "base64"))) found = record;
    }
    return secret.length > LONGEST_SECRET ? null : found;
  }

  /**
   * Makes a token.
   *
   * @returns the token, which nobody can find out later
   * @throws {BlitError} `exists` where the name has one
   */
  add(name: string, modules: readonly string[], access: Access): string {
    const records = this.all();
    if (records.some((record) => record.name === name)) {
      throw new BlitError(
        "exists",
        `There is a token for "${name}" already. Remove it first, with token remove ${name}.`,
      );
    }
    const secret = PREFIX + randomText(SECRET_BYTES);
    const sha256 = createHash("sha256").update(secret).digest("base64");
    const created = new Date().toISOString();
    this.#write([...records, { name, modules, access, sha256, created }]);
    return secret;
  }

  /** Removes a token. @throws {BlitError} `not_found` where there is none of this name */
  remove(name: string): void {
    const records = this.all();
    const left = records.filter((record) => record.name !== name);
    if (left.length === records.length) {
      throw new BlitError(
        "not_found",
        `There is no token for "${name}" in "${this.path}". token list shows which there are; --state names another folder.`,
      );
    }
    this.#write(left);
  }

  #read(): readonly TokenRecord[] {
    const text = readText(this.path);
    if (text === null) return [];
    try {
      const content = JSON.parse(text);
      if (v.is(NEWER_FILE, content)) throw this.#newer();
      return v.parse(FILE, content).tokens;
    } catch (cause) {
      if (cause instanceof BlitError) throw cause;
      throw new BlitError(
        "corrupt",
        `Cannot read the tokens in "${this.path}": the file is damaged. Restore it, or delete it and make new tokens.`,
        { operation: "read tokens", path: this.path, cause },
      );
    }
  }

  #newer(): BlitError {
    return new BlitError(
      "mismatch",
      `Cannot read the tokens in "${this.path}": a newer blit-daemon wrote them. Install that version again, ` +
        "or move the file away and make new tokens.",
      { operation: "read tokens", path: this.path },
    );
  }

  #write(tokens: readonly TokenRecord[]): void {
    writeSecret(this.path, `${JSON.stringify({ version: 1, tokens }, null, 2)}\n`);
    this.#stamp = null;
  }
}

/** What a token's owner may do in a module; null: nothing. */
export function accessOf(record: TokenRecord, module: ModuleSpec): Access | null {
  const name = module.name === "" ? DEFAULT_ROOT : module.name;
  const named = record.modules.includes(name) || record.modules.includes(EVERY_MODULE);
  return named ? record.access : null;
}
