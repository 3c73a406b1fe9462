/**
 * Keeps an HTTP/2 session's native memory for as long as native code works in it.
 *
 * @module
 */
import type { Http2Session } from "node:http2";

/**
 * Has a session destroyed from a turn of its own, whoever destroys it. Deno 2.9's native code frees it at once, though
 * it may be in the middle of what the peer sent: a goodbye to a session without a call under way ends the process with a
 * signal, or with a failed assertion of nghttp2 (denoland/deno#36788). To be called before the session hears anything.
 */
export function destroyLater(session: Http2Session): void {
  const destroy = session.destroy.bind(session);
  session.destroy = (...reason: Parameters<Http2Session["destroy"]>) => {
    setTimeout(() => destroy(...reason), 0);
  };
}
