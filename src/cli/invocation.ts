/**
 * What a command is given when it runs.
 *
 * @module
 */
import type { Settings } from "../app/settings.ts";
import type { CommandSpec } from "./commands.ts";
import type { OptionId, OptionValues } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** One option as given, in command-line order. */
export interface Occurrence {
  readonly id: OptionId;
  readonly value: unknown;
}

/** A command line, understood. */
export interface Parsed {
  readonly command: CommandSpec;
  readonly args: readonly string[];
  readonly values: OptionValues;
  /** Every option in order, for those whose order matters among each other. */
  readonly given: readonly Occurrence[];
}

/** A command line and all it runs in. */
export interface Invocation extends Parsed {
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Folder of settings and history. */
  readonly configDir: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What a command's module exports as `run`: returns the exit status. */
export type CommandRun = (call: Invocation) => Promise<number>;
