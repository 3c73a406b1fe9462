/**
 * What the log says of calls that fail.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { BlitError } from "../../core/error.ts";
import type { Sessions } from "../../gen/blit/v1/session_pb.ts";
import { KIND_METADATA } from "../errors.ts";
import { withErrors } from "./calls.ts";

/** Lines of a log. */
function recorder() {
  const lines: string[] = [];
  const at = (level: string) => (_: string, properties: Record<string, unknown> = {}) => {
    lines.push(`${level} ${properties.method} ${properties.kind ?? "bug"}`);
  };
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { lines, log };
}

/** What a call that throws this does to the log and to its client. */
async function failing(error: unknown): Promise<{ lines: string[]; told: ConnectError }> {
  const { lines, log } = recorder();
  const counted: string[] = [];
  const probing = { probe: () => Promise.reject(error) };
  const calls = withErrors<typeof Sessions>(probing, log, (kind) => counted.push(kind));
  const probe = calls.probe as (request: unknown, context: HandlerContext) => Promise<unknown>;
  const told = await probe({}, {} as HandlerContext).then(() => assert.fail(), ConnectError.from);
  // What is counted is what the log says.
  assert.deepEqual(counted, lines.map((line) => line.split(" ")[2]));
  return { lines, told };
}

/** An error of Node's streams. */
function nodeError(code: string): Error {
  return Object.assign(new TypeError("Premature close"), { code });
}

Deno.test("a call whose client went away is no error in the daemon's log", async () => {
  // The last is what a tunnel's write ends with whose client goes without having read.
  for (const code of ["ERR_STREAM_PREMATURE_CLOSE", "ERR_HTTP2_STREAM_ERROR", "ECANCELED"]) {
    const { lines } = await failing(nodeError(code));
    assert.deepEqual(lines, ["debug probe disconnected"]);
    const wrapped = new ConnectError("gone", Code.Aborted, undefined, undefined, nodeError(code));
    assert.deepEqual((await failing(wrapped)).lines, ["debug probe disconnected"]);
  }
});

Deno.test("what Connect or blit refuses is no error in the log, a bug is one", async () => {
  const malformed = await failing(new ConnectError("not a message", Code.InvalidArgument));
  assert.deepEqual(malformed.lines, ["debug probe InvalidArgument"]);
  const refused = await failing(new BlitError("not_found", "There is none."));
  assert.deepEqual(refused.lines, ["debug probe not_found"]);
  assert.equal(refused.told.metadata.get(KIND_METADATA), "not_found");
  for (const bug of [new TypeError("x is undefined"), new BlitError("bug", "x.")]) {
    const { lines, told } = await failing(bug);
    assert.deepEqual(lines, ["error probe bug"]);
    assert.equal(told.metadata.get(KIND_METADATA), "bug");
  }
});

Deno.test("a stream that fails while it is read is logged once", async () => {
  const { lines, log } = recorder();
  const counted: string[] = [];
  const calls = withErrors<typeof Sessions>(
    {
      // deno-lint-ignore require-yield
      async *read() {
        throw await Promise.resolve(nodeError("ERR_STREAM_PREMATURE_CLOSE"));
      },
    },
    log,
    (kind) => counted.push(kind),
  );
  const read = calls.read as (request: unknown, context: HandlerContext) => AsyncIterable<unknown>;
  await assert.rejects(Array.fromAsync(read({}, {} as HandlerContext)));
  assert.deepEqual([lines, counted], [["debug read disconnected"], ["disconnected"]]);
});
