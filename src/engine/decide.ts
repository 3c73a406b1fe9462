import type { Summary } from "../core/events.ts";
import type { RunRecord } from "../core/run_record.ts";
import type { EngineRequest } from "./request.ts";
import type { FirstLook } from "./run.ts";
import type { FsFacts } from "./tree.ts";

export interface RunDecision {
  readonly path: "direct" | "pipeline" | "large" | "rename";
  readonly workers: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  readonly why: string;
  readonly predictedMs?: number;
  record(summary: Summary): RunRecord;
}
export function decideRun(
  request: EngineRequest,
  _a: FsFacts,
  _b: FsFacts,
  first: FirstLook,
): RunDecision {
  return {
    path: first.few ? "direct" : "pipeline",
    workers: request.options.workers ?? request.cores,
    batchFiles: 512,
    batchBytes: 8 << 20,
    why: "x",
    record: () => ({ version: 1 }),
  };
}
