/**
 * `blit-daemon token`: makes, lists and removes tokens.
 *
 * @module
 */
import { resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { folderFault, stateDirectory } from "./files.ts";
import type { TokenCommand } from "./flags.ts";
import { modulesOf, readStarted, type Started } from "./started.ts";
import { EVERY_MODULE, TokenStore } from "./tokens.ts";

/** Where the command's lines go. */
export interface TokenOutput {
  /** To stdout. */
  out(line: string): void;
  /** To stderr. */
  note(line: string): void;
}

/**
 * Runs a command line that is about tokens.
 *
 * @throws {BlitError} `usage` for a module that the daemon hasn't; `exists`, `not_found`, `permission` and the like
 */
export function runToken(command: TokenCommand, output: TokenOutput): void {
  const folder = stateFolder(command.state);
  const store = new TokenStore(folder);
  if (command.kind === "add") addToken(command, { folder, store, ...output });
  else if (command.kind === "list") listTokens(store, command.json, output);
  else {
    store.remove(command.name);
    output.out(`Removed the token for "${command.name}". It opens nothing any more.`);
  }
}

/** The state folder; one that was named must be there: a daemon that looks elsewhere wouldn't find what is put there. */
function stateFolder(given: string | null): string {
  const folder = stateDirectory(given);
  if (given === null || folderFault(folder) === null) return folder;
  throw usage(`--state "${given}": there is no such folder. A daemon makes it at its first start.`);
}

interface Place extends TokenOutput {
  readonly folder: string;
  readonly store: TokenStore;
}

function addToken(command: Extract<TokenCommand, { kind: "add" }>, place: Place): void {
  const { name, modules, access, config, json } = command;
  const started = readStarted(place.folder);
  checkModules(modules, config, started, place);
  const token = place.store.add(name, modules, access);
  if (started === null) {
    place.note(
      `No daemon that asks for tokens has been started with "${place.folder}" yet. If yours keeps them elsewhere, ` +
        "remove this token, and name that folder with --state.",
    );
  }
  if (json) return place.out(JSON.stringify({ name, modules, access, token }));
  place.note(`Token for "${name}". It isn't shown again: keep it, or give it to blit login.`);
  place.out(token);
}

/** Refuses a token for a module that there isn't: it opens nothing, and a slip of the hand would show at the client alone. */
function checkModules(
  modules: readonly string[],
  given: string | null,
  started: Started | null,
  { note }: TokenOutput,
): void {
  const config = given === null ? started?.config ?? null : resolve(given);
  const root = started?.root ?? false;
  if (config === null && !root) return;
  let names: readonly string[];
  try {
    names = modulesOf({ config, root });
  } catch (error) {
    // One that nobody asked for is no reason to make no token.
    if (given !== null || !(error instanceof BlitError)) throw error;
    note(`The modules weren't checked: ${error.message}`);
    return;
  }
  for (const module of modules) {
    if (module === EVERY_MODULE || names.includes(module)) continue;
    const where = config === null ? "the daemon, started with --root," : `"${config}"`;
    throw usage(
      `--module "${module}": ${where} has none of that name.${didYouMean(module, names)} ` +
        `It has: ${
          names.join(", ") || "none"
        }. Add it first, or name another configuration with --config.`,
    );
  }
}

function listTokens(store: TokenStore, json: boolean, { out }: TokenOutput): void {
  const tokens = store.all();
  if (json) {
    for (const { name, modules, access, created } of tokens) {
      out(JSON.stringify({ name, modules, access, created }));
    }
    return;
  }
  const rows = tokens.map(({ name, modules, access, created }) =>
    [name, access, modules.join(","), created] as const
  );
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i].length)));
  for (const row of rows) {
    out(row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "));
  }
}

function usage(message: string): BlitError {
  return new BlitError("usage", message, { operation: "token" });
}
