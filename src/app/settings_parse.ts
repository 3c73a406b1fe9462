/**
 * Parses and validates the text of `settings.jsonc`.
 *
 * @module
 */
import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import * as v from "valibot";
import { nearest } from "../core/nearest.ts";
import { type Settings, settingsError } from "./settings.ts";

const KEYS = {
  progress: v.optional(v.boolean("expected true or false")),
  color: v.optional(
    v.picklist(["auto", "always", "never"], 'expected "auto", "always" or "never"'),
  ),
  exclude: v.optional(
    v.array(
      v.pipe(v.string("expected a glob in quotes"), v.nonEmpty("expected a glob, not nothing")),
      "expected a list of globs",
    ),
  ),
  gitignore: v.optional(v.boolean("expected true or false")),
  fsync: v.optional(v.boolean("expected true or false")),
} satisfies Record<keyof Settings, unknown>;

const SCHEMA = v.strictObject(KEYS);

/**
 * Parses settings.
 *
 * @param text content of the file; comments and trailing commas are fine
 * @param file its path, for messages
 * @throws {BlitError} `usage` with file, line and column of the first mistake
 */
export function parseSettings(text: string, file: string): Settings {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  if (errors.length > 0) {
    const { error, offset } = errors[0];
    const words = printParseErrorCode(error).replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
    throw settingsError(file, text, offset, `${words}. The file is JSON with comments.`);
  }
  if (root === undefined) return {};
  if (root.type !== "object") {
    throw settingsError(file, text, root.offset, "expected an object: { ... }.");
  }
  checkKeys(root, text, file);
  const result = v.safeParse(SCHEMA, valueOf(root));
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = (issue.path ?? []).map((item) => item.key as string | number);
  const node = findNodeAtLocation(root, path) ?? root;
  throw settingsError(file, text, node.offset, `"${path[0]}": ${issue.message}.`);
}

/** Unknown and repeated names are mistakes: a setting that silently does nothing is worse than an error. */
function checkKeys(root: Node, text: string, file: string): void {
  const seen = new Set<string>();
  for (const property of root.children ?? []) {
    const key = property.children![0];
    const name = String(key.value);
    if (!Object.hasOwn(KEYS, name)) {
      const near = nearest(name, Object.keys(KEYS));
      const advice = near ? `Did you mean "${near}"?` : `Known: ${Object.keys(KEYS).join(", ")}.`;
      throw settingsError(file, text, key.offset, `unknown setting "${name}". ${advice}`);
    }
    if (seen.has(name)) {
      throw settingsError(file, text, key.offset, `"${name}" is there twice. Keep one.`);
    }
    seen.add(name);
  }
}

function valueOf(node: Node): unknown {
  if (node.type === "object") {
    return Object.fromEntries(
      (node.children ?? []).map(({ children }) => [children![0].value, valueOf(children![1])]),
    );
  }
  return node.type === "array" ? (node.children ?? []).map(valueOf) : node.value;
}
