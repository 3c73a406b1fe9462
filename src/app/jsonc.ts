/**
 * JSON with comments, checked by a schema: every mistake is reported with file, line and column.
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
import { BlitError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";

/** What a value is called in messages: `setting` in the settings. */
export interface JsoncText {
  readonly text: string;
  /** The file's path, for messages. */
  readonly file: string;
  /** What one entry is called. */
  readonly entry: string;
  /** What was being done, as words that follow "Cannot". */
  readonly operation: string;
}

/** A checked file: its value, and where each part of it stands. */
export interface JsoncValue<T> {
  readonly value: T;
  /** Makes a usage error at a place, such as `["modules", 1, "path"]`. */
  errorAt(path: readonly (string | number)[], problem: string): BlitError;
}

/**
 * Parses and checks.
 *
 * @param schema a strict object; what it says where it fails follows the entry's name and a colon
 * @throws {BlitError} `usage` with file, line and column of the first mistake
 */
export function readJsonc<S extends v.GenericSchema>(
  source: JsoncText,
  schema: S,
): JsoncValue<v.InferOutput<S>> {
  const { text } = source;
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  if (errors.length > 0) {
    const { error, offset } = errors[0];
    const words = printParseErrorCode(error).replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
    throw errorAtOffset(source, offset, `${words}. The file is JSON with comments.`);
  }
  const errorAt = (path: readonly (string | number)[], problem: string) => {
    // What is missing has no place of its own: where it should be does.
    let [node, depth] = [undefined as Node | undefined, path.length];
    while (root && !node) node = findNodeAtLocation(root, path.slice(0, depth--));
    return errorAtOffset(source, node?.offset ?? 0, `${nameOf(path)}${problem}.`);
  };
  if (root !== undefined && root.type !== "object") {
    throw errorAtOffset(source, root.offset, "expected an object: { ... }.");
  }
  if (root !== undefined) checkKeys(root, schema, source);
  const result = v.safeParse(schema, root === undefined ? {} : valueOf(root));
  if (result.success) return { value: result.output, errorAt };
  const issue = result.issues[0];
  throw errorAt((issue.path ?? []).map((item) => item.key as string | number), issue.message);
}

/** `"modules[1].path": `; nothing for the whole. */
function nameOf(path: readonly (string | number)[]): string {
  if (path.length === 0) return "";
  const words = path.map((part) => typeof part === "number" ? `[${part}]` : `.${part}`);
  return `"${words.join("").replace(/^\./, "")}": `;
}

/** Unknown and repeated names are mistakes: a setting that silently does nothing is worse than an error. */
function checkKeys(node: Node, schema: unknown, source: JsoncText): void {
  const inner = unwrapped(schema);
  if (node.type === "array") {
    for (const item of node.children ?? []) checkKeys(item, inner?.item, source);
  }
  if (node.type !== "object") return;
  const seen = new Set<string>();
  for (const property of node.children ?? []) {
    const [key, value] = property.children!;
    const name = String(key.value);
    if (inner?.entries && !Object.hasOwn(inner.entries, name)) {
      const known = Object.keys(inner.entries);
      const near = nearest(name, known);
      const advice = near ? `Did you mean "${near}"?` : `Known: ${known.join(", ")}.`;
      throw errorAtOffset(source, key.offset, `unknown ${source.entry} "${name}". ${advice}`);
    }
    if (seen.has(name)) {
      throw errorAtOffset(source, key.offset, `"${name}" is there twice. Keep one.`);
    }
    seen.add(name);
    if (value) checkKeys(value, inner?.entries?.[name], source);
  }
}

interface SchemaParts {
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly item?: unknown;
  readonly wrapped?: unknown;
  readonly pipe?: readonly unknown[];
  readonly options?: readonly unknown[];
}

/** The object or array in a schema, without what is optional or checked further. */
function unwrapped(schema: unknown): SchemaParts | undefined {
  const parts = schema as SchemaParts | undefined;
  if (parts?.entries || parts?.item) return parts;
  if (parts?.wrapped) return unwrapped(parts.wrapped);
  if (parts?.pipe) return unwrapped(parts.pipe[0]);
  // Of several forms the one that has entries, if any.
  if (Array.isArray(parts?.options)) {
    return parts.options.map(unwrapped).find((option) => option?.entries ?? option?.item);
  }
  return undefined;
}

function valueOf(node: Node): unknown {
  if (node.type === "object") {
    return Object.fromEntries(
      (node.children ?? []).map(({ children }) => [children![0].value, valueOf(children![1])]),
    );
  }
  return node.type === "array" ? (node.children ?? []).map(valueOf) : node.value;
}

function errorAtOffset(source: JsoncText, offset: number, problem: string): BlitError {
  const { text, file, operation } = source;
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  const column = [...before.slice(before.lastIndexOf("\n") + 1)].length + 1;
  return new BlitError("usage", `${file}:${line}:${column}: ${problem}`, { operation, path: file });
}
