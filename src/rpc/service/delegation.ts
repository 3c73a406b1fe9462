/**
 * Delegation: from which daemons a module may be filled, as its configuration says.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import { DEFAULT_PORT } from "../../core/ports.ts";
import { hostDisplay, type HostName } from "../dial.ts";
import { peerText } from "../peer_text.ts";
import type { ModuleSpec } from "./host.ts";
import { moduleWords } from "./rights.ts";

const LONGEST_HOST = 300;

/**
 * Reads `host`, `host:port`, `[address]` or `[address]:port`.
 *
 * @returns null where it is none of these
 */
export function parseHostName(text: string): HostName | null {
  const parts = text.length > LONGEST_HOST
    ? null
    : /^(?:\[([0-9a-f:.]+)\]|([^\s:/\\[\]@]+))(?::(\d{1,5}))?$/i.exec(text);
  if (parts === null) return null;
  const port = parts[3] === undefined ? DEFAULT_PORT : Number(parts[3]);
  if (port < 1 || port > 65535) return null;
  return { host: (parts[1] ?? parts[2]).toLowerCase(), port };
}

/**
 * Checks that a module may be filled from a host.
 *
 * @param text what the client names: `host:port`
 * @returns the host
 * @throws {BlitError} `usage` where it is no host; `permission` where the module's configuration doesn't name it
 */
export function requireDelegation(
  module: Pick<ModuleSpec, "name" | "delegation">,
  text: string,
): HostName {
  const host = parseHostName(text);
  if (host === null) {
    throw new BlitError("usage", `"${peerText(text, LONGEST_HOST)}" is no host of a daemon.`, {
      operation: "copy from",
    });
  }
  const display = hostDisplay(host);
  const allowed = module.delegation.some((entry) => {
    const known = parseHostName(entry);
    return known !== null && hostDisplay(known) === display;
  });
  if (allowed) return host;
  const where = moduleWords(module.name);
  const how = module.name === ""
    ? `Serve the folder as a module whose "delegation" in the daemon's configuration has "${display}"`
    : `Add "${display}" to "delegation" of that module in its daemon's configuration and restart it`;
  throw new BlitError(
    "permission",
    `Cannot copy from ${display} into ${where}: its daemon takes nothing from that host. ` +
      `${how}, or copy to this machine first.`,
    { operation: "copy from", advice: `${how}.` },
  );
}
