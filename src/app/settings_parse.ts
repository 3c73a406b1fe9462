/**
 * Parses and validates the text of `settings.jsonc`.
 *
 * @module
 */
import * as v from "valibot";
import { readJsonc } from "./jsonc.ts";
import type { Settings } from "./settings.ts";

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
  const source = { text, file, entry: "setting", operation: "read the settings" };
  return readJsonc(source, SCHEMA).value;
}
