/**
 * The data port: bound here, accepted from by native code.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { type Arrival, listen, type ListenSettings } from "../native/net.ts";
import type { NativePool } from "../native/pool.ts";

/** An open data port. */
export interface DataPort {
  readonly port: number;
  /** Resolves once it is closed; rejects where it broke. */
  readonly closed: Promise<void>;
  /** Accepts no more; what is bound already goes on. */
  close(): Promise<void>;
}

/**
 * Opens the data port.
 *
 * @param place address and port to listen on; port 0: any free one
 * @param settings how strangers are kept short, and the certificate
 * @param onArrival told of each connection once its token is there; must not throw
 * @throws {BlitError} `busy` where the port is taken; `not_found` where the address isn't this machine's;
 *   `permission`, `usage` where the system forbids it or it is no address; `unsupported` where native code can't
 *   accept here
 */
export function openDataPort(
  pool: NativePool,
  place: { readonly bind: string; readonly port: number },
  settings: ListenSettings,
  onArrival: (arrival: Arrival) => void,
): DataPort {
  let socket: Deno.Listener;
  try {
    socket = Deno.listen({ hostname: place.bind, port: place.port });
  } catch (error) {
    throw listenError(error, place.bind, place.port);
  }
  const { port } = socket.addr as Deno.NetAddr;
  try {
    const listener = listen(pool, port, settings, onArrival);
    return {
      port,
      closed: listener.closed,
      close: async () => {
        listener.close();
        await listener.closed.catch(() => {});
        socket.close();
      },
    };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Why a port can't be listened on, from what Deno or node threw. */
export function listenError(error: unknown, bind: string, port: number): BlitError {
  const where = `${bind.includes(":") ? `[${bind}]` : bind}:${port}`;
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  const init = { operation: "listen", cause: error };
  if (code === "EADDRINUSE" || error instanceof Deno.errors.AddrInUse) {
    const advice = "End what uses it, or choose another one.";
    return new BlitError("busy", `Cannot listen on ${where}: the port is taken. ${advice}`, init);
  }
  if (code === "EACCES" || error instanceof Deno.errors.PermissionDenied) {
    const words = "Permission denied (EACCES). Choose a port over 1023.";
    return new BlitError("permission", `Cannot listen on ${where}: ${words}`, init);
  }
  // Deno says EINVAL for it on the control port.
  const isNobodys = code === "EADDRNOTAVAIL" || code === "EINVAL" ||
    error instanceof Deno.errors.AddrNotAvailable;
  if (isNobodys) {
    const words =
      "this machine doesn't have the address. Check it, or start again once it is there.";
    return new BlitError("not_found", `Cannot listen on ${where}: ${words}`, init);
  }
  return new BlitError("usage", `Cannot listen on ${where}: ${message}. Check the address.`, init);
}
