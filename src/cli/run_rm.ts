/**
 * rm.
 *
 * @module
 */
import { remove } from "../app/remove.ts";
import { displayName } from "../core/rel_path.ts";
import { formatBytes } from "../core/units.ts";
import { EXIT_INTERRUPTED } from "./exit.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";
import { count } from "./render_summary.ts";

/** Deletes a file, or a folder with everything in it. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, cwd, terminal, signal } = call;
  const dryRun = values.dryRun ?? false;
  const started = performance.now();
  const verb = dryRun ? "delete " : "deleted";
  const failures: Record<string, unknown>[] = [];
  const { pathFields } = await import("./json.ts");
  const result = await remove({
    path: args[0],
    cwd,
    settings: remoteSettings(call),
    dryRun,
    allowRoot: values.allowRoot ?? false,
    signal,
    confirm: values.yes ? undefined : async (display, isDirectory) => {
      const { confirm } = await import("./prompt.ts");
      const what = isDirectory ? `${display} and everything in it` : display;
      return await confirm(`${what} will be deleted. Continue?`, terminal, signal);
    },
    onRemoved: (path) => {
      if ((values.verbose || dryRun) && !values.json && !values.quiet) {
        terminal.out(`${verb} ${displayName(path)}`);
      }
    },
    onFailure: (path, error) => {
      if (failures.length < 1000) {
        failures.push({ ...pathFields(path), kind: error.kind, message: error.message });
      }
      terminal.error(error.message);
    },
    onNotice: (notice) => terminal.warning(notice),
  });
  const status = result.interrupted ? EXIT_INTERRUPTED : result.entriesFailed > 0 ? 2 : 0;
  if (values.json) {
    terminal.out(JSON.stringify(
      {
        schema: 1,
        operation: "rm",
        path: result.display,
        dry_run: dryRun,
        entries_deleted: result.entriesDeleted,
        bytes_deleted: result.bytesDeleted,
        files_failed: result.entriesFailed,
        failures,
        interrupted: result.interrupted,
        duration_ms: Math.round(performance.now() - started),
        exit_status: status,
      },
      null,
      2,
    ));
  } else if (!values.quiet) {
    const size = result.bytesDeleted > 0 ? ` (${formatBytes(result.bytesDeleted)})` : "";
    const what = count(result.entriesDeleted, "entry") + size;
    const failed = result.entriesFailed > 0
      ? ` ${count(result.entriesFailed, "entry")} failed.`
      : "";
    const begun = result.interrupted ? "Interrupted. " : "";
    terminal.out(
      dryRun
        ? `Would delete ${what}. Nothing was changed.${failed}`
        : `${begun}Deleted ${what}.${failed}`,
    );
  }
  return status;
}
