/**
 * What every call goes through: who calls, and errors in the form that clients read.
 *
 * @module
 */
import {
  Code,
  ConnectError,
  type ContextKey,
  createContextKey,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import { BlitError } from "../../core/error.ts";
import { isStreamError, toConnectError } from "../errors.ts";
import type { Caller, ServiceLog } from "./host.ts";

/** Who calls, put there by the server before a call's body is read. */
export const CALLER: ContextKey<Caller | null> = createContextKey<Caller | null>(null);

/** Says that a call's connection has a session, so that it isn't cut for a newcomer; what it returns says that it ended. */
export const HOLD: ContextKey<() => () => void> = createContextKey(() => () => {});

/**
 * Who makes a call.
 *
 * @throws {BlitError} `unauthenticated` where the call carries no token and needs one
 */
export function callerOf(context: HandlerContext): Caller {
  const caller = context.values.get(CALLER);
  if (caller !== null) return caller;
  throw new BlitError(
    "unauthenticated",
    "This daemon doesn't know who asks. Run blit login for that host.",
  );
}

/**
 * Gives every failure of a service's calls its kind, and logs what is a bug.
 *
 * @param onFailure told the kind of each
 */
export function withErrors<S extends DescService>(
  implementation: Partial<ServiceImpl<S>>,
  log: ServiceLog,
  onFailure: (kind: string) => void,
): Partial<ServiceImpl<S>> {
  const failed = (method: string, error: unknown) => {
    const kind = kindOf(error);
    onFailure(kind);
    if (kind === "bug") log.error("call {method} failed: {error}", { method, error });
    else log.debug("call {method} ended with {kind}", { method, kind });
    return toConnectError(error);
  };
  const wrapped: Record<string, unknown> = {};
  for (const [method, call] of Object.entries(implementation)) {
    const handler = call as (request: unknown, context: HandlerContext) => unknown;
    wrapped[method] = (request: unknown, context: HandlerContext) => {
      let answer: unknown;
      try {
        answer = handler(request, context);
      } catch (error) {
        throw failed(method, error);
      }
      return isStream(answer)
        ? streamed(answer, (error) => failed(method, error))
        : Promise.resolve(answer).catch((error) => Promise.reject(failed(method, error)));
    };
  }
  return wrapped as Partial<ServiceImpl<S>>;
}

/** What a call ended with, for the log. */
function kindOf(error: unknown): string {
  if (error instanceof BlitError) return error.kind;
  // A client that went away has nobody to fail to, and one that breaks the protocol is told so by Connect.
  if (isStreamError(error)) return "disconnected";
  return error instanceof ConnectError ? Code[error.code] : "bug";
}

function isStream(answer: unknown): answer is AsyncIterable<unknown> {
  return typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer;
}

async function* streamed(
  answer: AsyncIterable<unknown>,
  failed: (error: unknown) => Error,
): AsyncGenerator<unknown> {
  try {
    yield* answer;
  } catch (error) {
    throw failed(error);
  }
}
