/**
 * grpc.health.v1: whether the daemon takes sessions, as every orchestrator asks it.
 *
 * @module
 */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../gen/grpc/health/v1/health_pb.ts";

/** How often a watcher's answer is looked at again. */
const WATCH_MS = 1_000;

/** Services that are known by name; the empty name is the whole daemon. */
const SERVICES: ReadonlySet<string> = new Set([
  "",
  "blit.v1.Sessions",
  "blit.v1.Admin",
  "blit.v1.Jobs",
]);

/**
 * Makes the service's calls. They need no token: they tell nothing but this.
 *
 * @param isServing whether new sessions are taken
 */
export function healthService(isServing: () => boolean): Partial<ServiceImpl<typeof Health>> {
  const status = () => isServing() ? Status.SERVING : Status.NOT_SERVING;
  return {
    check({ service }) {
      if (SERVICES.has(service)) return { status: status() };
      throw new ConnectError("There is no such service.", Code.NotFound);
    },
    async *watch({ service }, context) {
      if (!SERVICES.has(service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        return;
      }
      for (let told: Status | null = null; !context.signal.aborted;) {
        if (status() !== told) {
          told = status();
          yield { status: told };
        }
        await aWhile(context.signal);
      }
    },
  };
}

function aWhile(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, WATCH_MS);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
