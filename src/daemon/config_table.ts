/**
 * The entries of the configuration file as a table, for blit-daemon.jsonc(5) and docs/daemon.md. A test holds it against
 * what the parser takes.
 *
 * @module
 */

import { DEFAULTS } from "./config.ts";

/** One entry, or several that mean the same of different things. */
export interface ConfigRow {
  readonly entries: readonly string[];
  /** In Markdown, without a full stop at its end. */
  readonly meaning: string;
  /** What holds where it isn't there; `""` where it must be, or where its own parts say so. */
  readonly otherwise: string;
}

function row(entries: string, meaning: string, otherwise = ""): ConfigRow {
  return { entries: entries.split(" "), meaning, otherwise };
}

/** Entries of the file. */
export const CONFIG_ROWS: readonly ConfigRow[] = [
  row("bind", "address to listen on", "`127.0.0.1`"),
  row("port dataPort", "ports; 0 takes any free one", "9031, 9032"),
  row(
    "advertisedDataPort",
    "data port that clients are told, where a router forwards another one",
    "the real one",
  ),
  row("root", "folder that is served as `host://`", "none"),
  row("rootReadOnly", "nothing is taken from clients there", "false"),
  row("modules", "folders with names, see below", "none"),
  row("motd", "message that clients show", "none"),
  row("limits", "see below"),
  row(
    "tls",
    '`{ "cert": FILE, "key": FILE }`, PEM: a certificate of your own. Also turns TLS and tokens on for loopback',
    "one is made",
  ),
  row("insecure", "as `--insecure`", "false"),
  row("discovery", "announce the daemon in the local network", "true"),
  row("metrics", "as `--metrics`", "none"),
  row(
    "log",
    "`debug`, `info`, `warning` or `error`. Names of files are logged at `debug` alone",
    "`info`",
  ),
];

/** Entries of a module. */
export const MODULE_ROWS: readonly ConfigRow[] = [
  row("name", "what clients call it: `host:/name/path`. No slash"),
  row(
    "path",
    "the folder, which must be there. Relative: from the configuration's folder. Links in this path are followed, " +
      "links below it never",
  ),
  row("comment", "shown by `blit list-modules`", "none"),
  row("readOnly", "nothing is taken from clients, whatever their tokens say", "false"),
  row(
    "trustMetadata",
    "owners, set-id bits, devices and `security.*` and `trusted.*` attributes are taken from clients. Without it they " +
      "are dropped, and clients told so",
    "false",
  ),
  row(
    "delegation",
    "daemons (`host` or `host:port`) that this module may be filled from: see [below](#from-daemon-to-daemon)",
    "none",
  ),
];

/** Entries of `limits`. */
export const LIMIT_ROWS: readonly ConfigRow[] = [
  row("sessions", "sessions at once; at most 60", `${DEFAULTS.limits.sessions}`),
  row(
    "sessionsPerUser",
    "of one user; of one address, where nobody needs a token",
    `${DEFAULTS.limits.sessionsPerUser}`,
  ),
  row("connections", "connections to the control port", `${DEFAULTS.limits.connections}`),
  row(
    "connectionsPerAddress",
    "connections to it from one address",
    `${DEFAULTS.limits.connectionsPerAddress}`,
  ),
  row("streams", "streams of the data port for each session", `${DEFAULTS.limits.streams}`),
  row("idleSeconds", "silence after which a session ends", `${DEFAULTS.limits.idleSeconds}`),
  row(
    "drainSeconds",
    "what running sessions get when the daemon is stopped",
    `${DEFAULTS.limits.drainSeconds}`,
  ),
];

/** A table of rows in Markdown, its columns as wide as they must be. */
export function markdownTable(rows: readonly ConfigRow[]): string {
  const cells = [
    ["entry", "meaning", "if left out"],
    ...rows.map(({ entries, meaning, otherwise }) => [
      entries.map((entry) => `\`${entry}\``).join(", "),
      meaning,
      otherwise,
    ]),
  ];
  const widths = [0, 1, 2].map((i) => Math.max(...cells.map((line) => line[i].length)));
  const [head, ...body] = cells.map((line) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`
  );
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}
