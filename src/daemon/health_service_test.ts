/**
 * What the health service tells.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { HealthCheckResponse_ServingStatus as Status } from "../gen/grpc/health/v1/health_pb.ts";
import { healthService } from "./health_service.ts";

type Answer = { readonly status: Status };

/** The calls of a service, as clients make them. */
function calls(isServing: () => boolean) {
  const service = healthService(isServing);
  const check = service.check as (request: { service: string }, context?: HandlerContext) => Answer;
  const watch = service.watch as unknown as (
    request: { service: string },
    context: { signal: AbortSignal },
  ) => AsyncGenerator<Answer>;
  return { check, watch };
}

Deno.test("the daemon and each of its services serve until it is being stopped", () => {
  let isServing = true;
  const { check } = calls(() => isServing);
  for (const service of ["", "blit.v1.Sessions", "blit.v1.Admin", "blit.v1.Jobs"]) {
    assert.equal(check({ service }).status, Status.SERVING);
  }
  isServing = false;
  assert.equal(check({ service: "" }).status, Status.NOT_SERVING);
  assert.throws(
    () => check({ service: "blit.v1.Nothing" }),
    (error) => ConnectError.from(error).code === Code.NotFound,
  );
});

Deno.test("a watcher hears the answer at once, then each change, until it goes away", async () => {
  let isServing = true;
  const gone = new AbortController();
  const { watch } = calls(() => isServing);
  const heard = watch({ service: "" }, { signal: gone.signal });
  assert.deepEqual((await heard.next()).value, { status: Status.SERVING });
  isServing = false;
  assert.deepEqual((await heard.next()).value, { status: Status.NOT_SERVING });
  const last = heard.next();
  gone.abort();
  assert.equal((await last).done, true);
  // One who has gone before it began hears nothing.
  assert.equal((await watch({ service: "" }, { signal: gone.signal }).next()).done, true);
});

Deno.test("a watcher of an unknown service is told so, as the protocol of health checks wants it", async () => {
  const { watch } = calls(() => true);
  const { signal } = new AbortController();
  const answers = await Array.fromAsync(watch({ service: "blit.v1.Nothing" }, { signal }));
  assert.deepEqual(answers, [{ status: Status.SERVICE_UNKNOWN }]);
});
