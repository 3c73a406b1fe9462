/**
 * Tells local paths from remote endpoints, by their form alone: never by what happens to exist.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { displayName, textToName } from "../core/rel_path.ts";

/** A place of a daemon, or a daemon alone. */
export interface RemoteEndpoint {
  readonly kind: "remote";
  /** Name or address, without brackets. */
  readonly host: string;
  /** Null: the default. */
  readonly port: number | null;
  /** Name of the module; empty: the daemon's default root; null: the daemon alone is named. */
  readonly module: string | null;
  /** Components below the module, joined by `/`; empty: the module itself. */
  readonly path: string;
  /** It ends in a slash, so that it means what is in it. */
  readonly contents: boolean;
}

/** What an argument names. */
export type Endpoint = { readonly kind: "local"; readonly path: string } | RemoteEndpoint;

const IPV6 = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(\d+))?(?::(\/.*)?)?$/s;
const HOST = /^([^:/\\[\]\s]+)(?::(\d+))?:(\/.*)?$/s;
/** Looks like `host://path`, but nobody calls a host so. */
const URL_FORM = /^(?:blit|rsync|ssh|sftp|ftp|smb|nfs|https?|file):\/\/([^/]+)(\/.*)$/is;
const HOST_AND_PORT = /^([^:/\\[\]\s]+):(\d+)$/;

/**
 * Reads an argument: `host:/module/path`, `host://path`, `host:port:/module`, `[::1]:port:/module`, `host:` for the daemon
 * alone, or a path of this machine. A path whose first component has a colon is written `./name:with:colon`.
 *
 * @param text as typed
 * @param os where blit runs; on Windows `C:` is a drive
 * @throws {BlitError} `usage` where it is neither, with the form that was likely meant
 */
export function parseEndpoint(text: string, os: typeof Deno.build.os = Deno.build.os): Endpoint {
  if (text === "") throw new BlitError("usage", "A path is empty.");
  if (text.includes("\0")) throw new BlitError("usage", "A path has a NUL in it.");
  if (os === "windows" && /^([A-Za-z]:|\\\\)/.test(text)) return { kind: "local", path: text };
  const url = URL_FORM.exec(text);
  if (url) throw notAnEndpoint(text, `${url[1]}:${url[2]}`);
  const remote = IPV6.exec(text) ?? HOST.exec(text) ?? HOST_AND_PORT.exec(text);
  if (remote) {
    const port = remote[2] === undefined ? null : Number(remote[2]);
    if (port === null || (port > 0 && port < 65536)) {
      return { kind: "remote", host: remote[1], port, ...placeOf(remote[3], text) };
    }
  }
  const meant = likelyMeant(text, os);
  if (meant !== null) throw notAnEndpoint(text, meant);
  const first = text.split(os === "windows" ? /[/\\]/ : /\//, 1)[0];
  if (first.includes(":")) throw notAnEndpoint(text, null);
  return { kind: "local", path: text };
}

/** Module and path of what follows the host. */
function placeOf(
  place: string | undefined,
  text: string,
): Pick<RemoteEndpoint, "module" | "path" | "contents"> {
  if (place === undefined || place === "/") return { module: null, path: "", contents: false };
  const isRoot = place.startsWith("//");
  const parts = place.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw new BlitError(
      "usage",
      `"${
        shown(text)
      }" has .. in it, which only the other side could resolve. Write where it leads.`,
      { operation: "locate", path: shown(text) },
    );
  }
  const [module, ...below] = isRoot ? ["", ...parts] : parts;
  const contents = /\/\.?$/.test(place) && (isRoot ? parts.length > 0 : true);
  return { module, path: below.join("/"), contents };
}

/** The endpoint that somebody meant who wrote something like one; null where nothing suggests itself. */
function likelyMeant(text: string, os: typeof Deno.build.os): string | null {
  const share = os === "windows" ? null : /^\\\\([^\\/]+)[\\/](.+)$/s.exec(text);
  if (share) return `${share[1]}:/${share[2].replaceAll("\\", "/")}`;
  const portless = /^([^:/\\[\]\s]+:\d+)(\\.*)$/s.exec(text);
  if (portless) return `${portless[1]}:${portless[2].replaceAll("\\", "/")}`;
  const backslashed = /^([^:/\\[\]\s]+(?::\d+)?):(\\.*)$/s.exec(text);
  if (backslashed) return `${backslashed[1]}:${backslashed[2].replaceAll("\\", "/")}`;
  // A host whose colon was forgotten.
  const bare = /^([A-Za-z][\w.-]*(?::\d+)?)(\/\/.*)$/s.exec(text);
  if (bare) return `${bare[1]}:${bare[2]}`;
  const slashless = /^([^:/\\[\]\s]+(?::\d+)?):([^/\\:].*)$/s.exec(text);
  return slashless ? `${slashless[1]}:/${slashless[2]}` : null;
}

function notAnEndpoint(text: string, meant: string | null): BlitError {
  const remote = meant === null ? "" : `For a place of a daemon write "${shown(meant)}". `;
  const advice = `${remote}For the local name write "./${shown(text)}".`;
  return new BlitError(
    "usage",
    `"${shown(text)}" is neither a local path nor a remote one (host:/module/path). ${advice}`,
    { operation: "locate", path: shown(text), advice },
  );
}

/**
 * The path of a local argument.
 *
 * @throws {BlitError} `unsupported` for a remote one; `usage` where the form is unknown
 */
export function localPath(text: string, os: typeof Deno.build.os = Deno.build.os): string {
  const endpoint = parseEndpoint(text, os);
  if (endpoint.kind === "local") return endpoint.path;
  throw new BlitError(
    "unsupported",
    `"${
      shown(text)
    }": this command works on local paths only. For a local name with a colon write "./${
      shown(text)
    }".`,
    { operation: "reach", path: shown(text) },
  );
}

/** Whether an argument names a place of a daemon, or a daemon. */
export function isRemote(text: string): boolean {
  return parseEndpoint(text).kind === "remote";
}

/**
 * Refuses a daemon alone where a place is needed.
 *
 * @throws {BlitError} `usage`
 */
export function requirePlace(endpoint: RemoteEndpoint): { module: string; path: string } {
  if (endpoint.module !== null) return { module: endpoint.module, path: endpoint.path };
  const host = hostText(endpoint);
  throw new BlitError(
    "usage",
    `"${host}:" names a daemon, not a place of it. Write ${host}:/module/path; ` +
      `blit list-modules ${host} shows its modules.`,
    { operation: "locate" },
  );
}

/** The host as it is typed: `nas`, `nas:9032`, `[::1]:9031`. */
export function hostText({ host, port }: Pick<RemoteEndpoint, "host" | "port">): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === null ? name : `${name}:${port}`;
}

function shown(text: string): string {
  return displayName(textToName(text));
}

/**
 * Reads the name of a daemon's host: `nas`, `nas:9031`, `[::1]`, `[::1]:9031`.
 *
 * @throws {BlitError} `usage` where it is none
 */
export function parseHost(text: string): Pick<RemoteEndpoint, "host" | "port"> {
  const bare = text.replace(/:?\/*$/, "");
  const endpoint = /^[^:/\\[\]\s]+$/.test(bare)
    ? { kind: "remote" as const, host: bare, port: null, module: null }
    : /^\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?$/.test(bare) && !bare.includes("[")
    ? { kind: "remote" as const, host: bare, port: null, module: null }
    : parseEndpoint(bare, "linux");
  if (endpoint.kind === "remote" && endpoint.module === null) {
    return { host: endpoint.host, port: endpoint.port };
  }
  throw new BlitError(
    "usage",
    `"${
      shown(text)
    }" is no host. Write its name or address, with the port where it isn't 9031: nas:9040.`,
    { operation: "locate" },
  );
}
