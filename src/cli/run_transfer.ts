/**
 * copy, mirror, move, check.
 *
 * @module
 */
import type { Located } from "../app/locate.ts";
import { transfer } from "../app/transfer.ts";
import { BlitError } from "../core/error.ts";
import type { FilterRule, Mode } from "../core/options.ts";
import { exitOfResult } from "./exit.ts";
import type { Invocation } from "./invocation.ts";
import { askerOf } from "./remote_call.ts";
import { makeReport } from "./report.ts";
import { runOptions } from "./run_options.ts";
import type { Terminal } from "./terminal.ts";

/** Runs a transfer and reports it. */
export async function run(call: Invocation): Promise<number> {
  const { terminal, values } = call;
  if (values.verbose && values.quiet) {
    throw new BlitError("usage", "--verbose and --quiet contradict each other: give one.");
  }
  const mode = call.command.name as Mode;
  const [source, destination] = call.args;
  const options = runOptions(call, mode, await ruleReader(call));
  warnOfLimits(call);
  const report = await makeReport(terminal, { ...values, mode }, call.settings.progress ?? true);
  try {
    const result = await transfer({
      source,
      destination,
      options,
      cwd: call.cwd,
      configDir: call.configDir,
      forceControlPlane: values.forceGrpcData ?? Deno.env.get("BLIT_FORCE_GRPC_DATA") === "1",
      askUnknown: askerOf(terminal, call.signal),
      filesFrom: values.filesFrom,
      emitItems: report.wantsItems,
      listener: (event) => report.event(event),
      signal: call.signal,
      onLocated: (located) => report.located(located),
      confirm: values.yes ? undefined : (located) => ask(mode, located, terminal, call.signal),
    });
    terminal.live?.stop();
    const status = exitOfResult(result);
    await report.done(result, status);
    return status;
  } finally {
    terminal.live?.stop();
  }
}

/** Rule files are rare, and reading them loads the pattern compiler before the engine does. */
async function ruleReader(call: Invocation): Promise<(file: string) => FilterRule[]> {
  if (!call.values.filterFrom) return () => [];
  const { readFilterFile } = await import("../app/file_list.ts");
  return (file) => readFilterFile(file, call.cwd);
}

function warnOfLimits({ values, terminal }: Invocation): void {
  const limits = [
    ...(values.workers === undefined ? [] : [`${values.workers} workers`]),
    ...(values.maxThreads === undefined ? [] : [`${values.maxThreads} threads`]),
    ...(values.discard ? ["nothing is written"] : []),
  ];
  if (limits.length === 0) return;
  terminal.note(
    terminal.paint(
      "yellow",
      `DEBUG: ${limits.join(", ")}. Without these options the planner decides.`,
    ),
  );
}

async function ask(
  mode: Mode,
  located: Located,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const { confirm } = await import("./prompt.ts");
  const { sourceDisplay, destinationDisplay } = located;
  return await confirm(
    mode === "mirror"
      ? `Entries found only in ${destinationDisplay} will be deleted. Continue?`
      : `${sourceDisplay} will be deleted once all of it is at ${destinationDisplay}. Continue?`,
    terminal,
    signal,
  );
}
