/**
 * What `diagnostics dump` gathers: how a copy would go about it, without copying.
 *
 * @module
 */
import type { RunEvent } from "../core/events.ts";
import { defaultOptions } from "../core/options.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import { locate, type Located } from "./locate.ts";
import { type Location, locationText } from "./location.ts";
import { lookingSettings } from "./manage.ts";
import { Places } from "./places.ts";
import { transfer } from "./transfer.ts";
import { VERSION } from "./version.ts";

/** A `decision` event. */
export type DecisionEvent = Extract<RunEvent, { readonly type: "decision" }>;

/** One side, as far as it exists. */
export interface SideDump {
  /** The directory that was looked at. */
  readonly path: string;
  /** False: it doesn't exist yet, and the nearest directory above it was looked at. */
  readonly exists: boolean;
  readonly traits: Traits;
  readonly facts: FsFacts;
}

/** Everything gathered. */
export interface Dump {
  readonly versions: {
    readonly blit: string;
    readonly deno: string;
    readonly v8: string;
    readonly os: string;
    readonly arch: string;
  };
  readonly cores: number;
  readonly trees: "native" | "portable";
  readonly notice: string | null;
  readonly located: Located;
  readonly source: SideDump;
  readonly destination: SideDump;
  /** Null where the run would be refused. */
  readonly decision: DecisionEvent | null;
  /** Why it would be. */
  readonly refused: string | null;
}

/**
 * Gathers how a copy from one place to the other would go about it.
 *
 * @param cwd folder that relative paths start from
 * @throws {BlitError} where either place can't be looked at
 */
export async function gatherDump(
  source: string,
  destination: string,
  cwd: string,
  configDir: string,
): Promise<Dump> {
  const remote = lookingSettings({ configDir, onWarning: () => {} }, "dump");
  const places = new Places({ remote });
  try {
    const located = await locate(source, destination, cwd, places.look);
    const trees = await places.trees();
    const lookInto = async (location: Location): Promise<SideDump> => {
      const existing = await places.nearest(location);
      const tree = await places.open(existing);
      try {
        const facts = await tree.probe();
        const path = locationText(existing);
        return { path, exists: path === locationText(location), traits: tree.traits, facts };
      } finally {
        await tree.close();
      }
    };
    return {
      versions: {
        blit: VERSION,
        deno: Deno.version.deno,
        v8: Deno.version.v8,
        os: `${Deno.build.os} ${Deno.osRelease()}`,
        arch: Deno.build.arch,
      },
      cores: navigator.hardwareConcurrency,
      trees: trees.kind,
      notice: trees.notice,
      located,
      source: await lookInto(located.sourceRoot),
      destination: await lookInto(located.destinationRoot),
      ...await decisionOf(source, destination, cwd, configDir),
    };
  } finally {
    await places.close();
  }
}

/** Begins a dry run and ends it at its first decision. */
async function decisionOf(source: string, destination: string, cwd: string, configDir: string) {
  const ending = new AbortController();
  let decision: DecisionEvent | null = null;
  try {
    await transfer({
      source,
      destination,
      cwd,
      configDir,
      options: { ...defaultOptions("copy"), dryRun: true },
      signal: ending.signal,
      listener: (event) => {
        if (event.type !== "decision") return;
        decision = event;
        ending.abort();
      },
    });
  } catch (error) {
    if (decision === null) {
      return { decision, refused: error instanceof Error ? error.message : String(error) };
    }
  }
  return { decision, refused: null };
}
