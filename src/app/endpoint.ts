/**
 * Tells local paths from remote endpoints, by their form alone: never by what happens to exist.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { displayName, textToName } from "../core/rel_path.ts";

/** What an argument names. */
export type Endpoint =
  | { readonly kind: "local"; readonly path: string }
  | {
    readonly kind: "remote";
    readonly host: string;
    readonly port: number | null;
    /** What follows the host: `/module/path`, or `//path` for the daemon's root. */
    readonly path: string;
  };

const IPV6 = /^\[([0-9A-Fa-f:.%\w]+)\](?::(\d{1,5}))?:(\/.*)$/s;
const HOST = /^([^:/\\[\]]+)(?::(\d{1,5}))?:(\/.*)$/s;

/**
 * Reads an argument: `host:/module/path`, `host://path`, `host:port:/module`, `[::1]:port:/module`, or a path
 * of this machine. A path whose first component has a colon is written `./name:with:colon`.
 *
 * @param text as typed
 * @param os where blit runs; on Windows `C:` is a drive
 * @throws {BlitError} `usage` where it is neither
 */
export function parseEndpoint(text: string, os: typeof Deno.build.os = Deno.build.os): Endpoint {
  if (text === "") throw new BlitError("usage", "A path is empty.");
  if (text.includes("\0")) throw new BlitError("usage", "A path has a NUL in it.");
  const separator = os === "windows" ? /[/\\]/ : /\//;
  if (os === "windows" && /^[A-Za-z]:/.test(text)) return { kind: "local", path: text };
  const remote = IPV6.exec(text) ?? HOST.exec(text);
  if (remote) {
    const port = remote[2] === undefined ? null : Number(remote[2]);
    if (port === null || (port > 0 && port < 65536)) {
      return { kind: "remote", host: remote[1], port, path: remote[3] };
    }
  }
  const first = text.split(separator, 1)[0];
  if (first.includes(":")) {
    const shown = displayName(textToName(text));
    throw new BlitError(
      "usage",
      `"${shown}" is neither a local path nor a remote one (host:/module/path). ` +
        `For the local name write "./${shown}".`,
      { operation: "locate", path: shown, advice: `For the local name write "./${shown}".` },
    );
  }
  return { kind: "local", path: text };
}

/**
 * The path of a local argument.
 *
 * @throws {BlitError} `unsupported` for a remote one; `usage` where the form is unknown
 */
export function localPath(text: string, os: typeof Deno.build.os = Deno.build.os): string {
  const endpoint = parseEndpoint(text, os);
  if (endpoint.kind === "local") return endpoint.path;
  const shown = displayName(textToName(text));
  throw new BlitError(
    "unsupported",
    `"${shown}": remote endpoints arrive with blit-daemon; this build works on local paths. ` +
      `For a local name with a colon write "./${shown}".`,
    { operation: "reach", path: shown },
  );
}
