/**
 * What a command line brings to reaching a daemon: where hosts are known from, and who is asked about new ones.
 *
 * @module
 */
import type { LookSettings } from "../app/manage.ts";
import { formatFingerprint } from "../core/fingerprint.ts";
import type { UnknownHost } from "../rpc/dial.ts";
import type { Invocation } from "./invocation.ts";
import type { Terminal } from "./terminal.ts";

/** How this command line reaches daemons. */
export function remoteSettings(call: Invocation): LookSettings {
  const { terminal, configDir, signal } = call;
  return {
    configDir,
    ask: askerOf(terminal, signal),
    onWarning: (message) => terminal.warning(message),
  };
}

/** Asks about unknown hosts on a terminal; undefined where there is none. */
export function askerOf(
  terminal: Terminal,
  signal: AbortSignal,
): ((found: UnknownHost) => Promise<boolean>) | undefined {
  if (!Deno.stdin.isTerminal()) return undefined;
  return async ({ display, sha256 }) => {
    const { confirm } = await import("./prompt.ts");
    terminal.live?.stop();
    const question = sha256 === null
      ? `${display} is unknown, and nothing on the way to it is encrypted. Trust it?`
      : `${display} is unknown. Its certificate is ${formatFingerprint(sha256)}. Trust it?`;
    return await confirm(question, terminal, signal);
  };
}
