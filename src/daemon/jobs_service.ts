/**
 * The service `Jobs`: sessions as those who look after the daemon see them.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { BlitError } from "../core/error.ts";
import { type Job, type Jobs, JobSchema } from "../gen/blit/v1/jobs_pb.ts";
import { callerOf } from "../rpc/service/calls.ts";
import type { Caller, ServiceHost } from "../rpc/service/host.ts";
import type { JobRecord, SessionTable } from "../rpc/service/session_table.ts";

/** How often a watched job is looked at. */
const WATCH_MS = 1_000;

/** Makes the service's calls. */
export function jobsService(
  host: ServiceHost,
  table: SessionTable,
): Partial<ServiceImpl<typeof Jobs>> {
  /** A caller's own jobs, and those in modules that it administers. */
  const maySee = (caller: Caller, job: JobRecord) => {
    if (job.user === caller.user) return true;
    const module = host.modules().find(({ name }) => name === job.module);
    return module !== undefined && caller.access(module) === "admin";
  };
  const find = (caller: Caller, id: bigint) => {
    const job = table.job(Number(id));
    if (job && maySee(caller, job)) return job;
    throw new BlitError(
      "not_found",
      `The daemon has no job ${id} for you. blit jobs list shows which it has.`,
    );
  };
  return {
    list(_request, context) {
      const caller = callerOf(context);
      return { jobs: table.jobs().filter((job) => maySee(caller, job)).map(message) };
    },

    async *watch({ id }, context) {
      const caller = callerOf(context);
      let told = "";
      while (!context.signal.aborted) {
        const job = find(caller, id);
        const now = JSON.stringify(job);
        if (now !== told) {
          told = now;
          yield { job: message(job) };
        }
        if (job.state !== "running") return;
        await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      }
    },

    async cancel({ id }, context) {
      const caller = callerOf(context);
      const job = find(caller, id);
      const session = table.sessionOf(job.id);
      if (session) {
        const by = caller.user === "" ? "" : ` by ${caller.user}`;
        const reason = new BlitError("cancelled", `The job was cancelled on the daemon${by}.`);
        session.end("cancelled", reason);
        await session.release();
      }
      return { job: message(table.job(job.id) ?? { ...job, state: "cancelled" }) };
    },
  };
}

function message(job: JobRecord): Job {
  return create(JobSchema, {
    id: BigInt(job.id),
    module: job.module,
    purpose: job.purpose,
    user: job.user,
    peer: job.peer,
    startedMs: BigInt(job.startedMs),
    elapsedMs: BigInt(job.elapsedMs),
    bytes: BigInt(job.bytes),
    entries: BigInt(job.entries),
    streams: job.streams,
    fallback: job.fallback,
    state: job.state,
  });
}
