/**
 * jobs list, jobs watch, jobs cancel.
 *
 * @module
 */
import { type JobInfo, withDaemon } from "../app/daemons.ts";
import { BlitError } from "../core/error.ts";
import { formatBytes, formatDuration } from "../core/units.ts";
import type { Invocation } from "./invocation.ts";
import { snakeKeys } from "./json.ts";
import { remoteSettings } from "./remote_call.ts";
import { count } from "./render_summary.ts";

/** Shows, follows or ends what a daemon is doing. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, terminal, signal } = call;
  return await withDaemon(args[0], remoteSettings(call), async (daemon) => {
    if (call.command.name === "jobs list") {
      const jobs = await daemon.jobs();
      if (values.json) terminal.out(JSON.stringify(snakeKeys(jobs), null, 2));
      else if (jobs.length === 0) terminal.out("No jobs.");
      else for (const line of jobLines(jobs)) terminal.out(line);
      return 0;
    }
    const id = jobNumber(args[1]);
    if (call.command.name === "jobs cancel") {
      const job = await daemon.cancelJob(id);
      if (values.json) terminal.out(JSON.stringify(snakeKeys(job), null, 2));
      else if (!values.quiet) {
        terminal.out(job === null ? `Job ${id} was ended.` : jobLines([job])[0]);
      }
      return 0;
    }
    let last: JobInfo | null = null;
    for await (const job of daemon.watchJob(id, signal)) {
      last = job;
      terminal.out(values.json ? JSON.stringify(snakeKeys(job)) : jobLines([job])[0]);
      terminal.flush();
    }
    return last === null || last.state === "done" ? 0 : 1;
  });
}

function jobNumber(text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new BlitError("usage", `"${text}" is no job: expected its number, as jobs list shows it.`);
}

/** Jobs as lines with columns: `12  running    mirror /backup  anna@192.168.0.7  3m 05s  1,204 entries, ...`. */
function jobLines(jobs: readonly JobInfo[]): string[] {
  const rows = jobs.map((job) => [
    String(job.id).padStart(4),
    job.state.padEnd("cancelled".length),
    `${job.purpose} ${job.module === "" ? "//" : `/${job.module}`}`,
    job.user === "" ? job.peer : `${job.user}@${job.peer}`,
    formatDuration(job.elapsedMs),
    work(job),
  ]);
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i].length))) ?? [];
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
}

/** `1,204 entries, 5.20 GiB`, and how it goes while it runs. */
function work({ entries, bytes, state, fallback, streams }: JobInfo): string {
  const done = `${count(entries, "entry")}, ${formatBytes(bytes)}`;
  if (state !== "running") return done;
  return `${done}, ${fallback ? "control connection" : count(streams, "stream")}`;
}
