/**
 * Hosts that are known, and the tokens for them: `known_hosts` and `credentials` in the configuration folder, a line each.
 *
 *     nas:9031 SHA256:vB1…      its certificate
 *     nas:9031 ca /etc/nas.pem  whoever signed its certificate; without a file the system's authorities
 *     nas:9031 plain            no encryption
 *
 * Both are readable by their owner alone, and replaced whole.
 *
 * @module
 */
import { join } from "node:path";
import { BlitError } from "../core/error.ts";
import { formatFingerprint, parseFingerprint } from "../core/fingerprint.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import { cannotOpen, ownFileError } from "./named_file.ts";

/** Name of the file of known hosts. */
export const KNOWN_HOSTS_FILE = "known_hosts";
/** Name of the file of tokens. */
export const CREDENTIALS_FILE = "credentials";

/** What is known of a host. */
export type KnownHost =
  | { readonly kind: "pin"; readonly sha256: Uint8Array }
  | { readonly kind: "ca"; readonly file?: string }
  | { readonly kind: "plain" };

/** Longest token that is kept. */
const LONGEST_TOKEN = 4096;

/**
 * What is known of a host.
 *
 * @param name `host:port`
 * @throws {BlitError} `usage` where its line can't be read; `permission` and the like
 */
export function knownHost(configDir: string, name: string): KnownHost | null {
  const value = valueOf(configDir, KNOWN_HOSTS_FILE, name);
  if (value === null) return null;
  if (value === "plain") return { kind: "plain" };
  const ca = /^ca(?:\s+(.+))?$/.exec(value);
  if (ca) return { kind: "ca", file: ca[1] };
  const sha256 = parseFingerprint(value);
  if (sha256 !== null) return { kind: "pin", sha256 };
  const file = displayName(textToName(join(configDir, KNOWN_HOSTS_FILE)));
  throw new BlitError(
    "usage",
    `${file}: what it says of ${name} can't be understood. Remove that line, then run: blit login ${name}`,
    { operation: "read", path: file },
  );
}

/** Remembers a host, instead of what was known of it. */
export function rememberHost(configDir: string, name: string, known: KnownHost): void {
  const value = known.kind === "pin"
    ? formatFingerprint(known.sha256)
    : known.kind === "ca" && known.file !== undefined
    ? `ca ${known.file}`
    : known.kind;
  change(configDir, KNOWN_HOSTS_FILE, name, value);
}

/** The token for a host; null where none is kept. */
export function tokenFor(configDir: string, name: string): string | null {
  return valueOf(configDir, CREDENTIALS_FILE, name);
}

/**
 * Keeps a token.
 *
 * @throws {BlitError} `usage` where it can't be one
 */
export function keepToken(configDir: string, name: string, token: string): void {
  if (!/^[\x21-\x7e]+$/.test(token) || token.length > LONGEST_TOKEN) {
    throw new BlitError("usage", "That is no token: it is one line of letters, digits and marks.", {
      operation: "log in",
    });
  }
  change(configDir, CREDENTIALS_FILE, name, token);
}

/**
 * Forgets a host and its token.
 *
 * @returns whether anything was known
 */
export function forgetHost(configDir: string, name: string): boolean {
  const known = change(configDir, KNOWN_HOSTS_FILE, name, null);
  return change(configDir, CREDENTIALS_FILE, name, null) || known;
}

/** The content of the file that a `ca` line names. */
export function readAuthority(file: string): string {
  return readText(file);
}

/** The content of a file with a token. */
export function readTokenFile(file: string): string {
  return readText(file);
}

function readText(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw cannotOpen(error, file);
  }
}

/** Whether there was a line of this name. */
function change(configDir: string, file: string, name: string, value: string | null): boolean {
  const path = join(configDir, file);
  const lines = readLines(path);
  // Whatever isn't this host's stays as it is: comments, and what a later version may have written.
  const others = lines.filter((line) => parseLine(line)?.name !== name);
  const was = others.length < lines.length;
  if (value === null && !was) return false;
  if (value !== null) others.push(`${name} ${value}`);
  const next = `${path}.${Deno.pid}.tmp`;
  try {
    Deno.mkdirSync(configDir, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(next, others.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    Deno.renameSync(next, path);
  } catch (error) {
    throw ownFileError(error, "write", path);
  }
  return was;
}

/** What a file says of a host; null where it says nothing. */
function valueOf(configDir: string, file: string, name: string): string | null {
  const lines = readLines(join(configDir, file)).map(parseLine);
  return lines.findLast((line) => line?.name === name)?.value ?? null;
}

/** The lines of a file; none where there is no file. */
function readLines(path: string): string[] {
  try {
    const text = Deno.readTextFileSync(path);
    return text === "" ? [] : text.replace(/\n$/, "").split("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw ownFileError(error, "read", path);
  }
}

/** A host and what is said of it; null for a comment, an empty line and the like. */
function parseLine(line: string): { readonly name: string; readonly value: string } | null {
  const parts = /^([^\s#]\S*)\s+(\S.*?)\s*$/.exec(line);
  return parts && { name: parts[1], value: parts[2] };
}

/** Name of the file with this machine's salt. */
const SALT_FILE = "host_salt";

/**
 * A host's name for the history: the same on this machine, of no use on another.
 *
 * @returns 16 hexadecimal digits
 */
export async function hostHash(configDir: string, name: string): Promise<string> {
  const salt = readSalt(join(configDir, SALT_FILE), configDir);
  const bytes = new TextEncoder().encode(`${salt}\n${name}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readSalt(path: string, configDir: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The first time; where it can't be kept, the next run's hash is another.
    const salt = crypto.randomUUID();
    try {
      Deno.mkdirSync(configDir, { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(path, salt, { mode: 0o600, createNew: true });
    } catch {
      // As said.
    }
    return salt;
  }
}
