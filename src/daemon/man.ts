/**
 * The daemon's manual pages, from its tables: blit-daemon(8) and blit-daemon.jsonc(5).
 *
 * @module
 */
import {
  entries,
  type ManPage,
  paragraphs,
  references,
  subheading,
  synopsis,
  text,
  verbatim,
} from "../app/roff.ts";
import { CONFIG_ROWS, type ConfigRow, LIMIT_ROWS, MODULE_ROWS } from "./config_table.ts";
import { type FlagSpec, SERVE_FLAGS, TOKEN_FLAGS } from "./flags.ts";

/** Both pages. */
export function daemonPages(): ManPage[] {
  return [daemonPage(), configPage()];
}

function daemonPage(): ManPage {
  return {
    name: "blit-daemon",
    section: 8,
    summary: "serve folders to blit on other machines",
    sections: [
      {
        heading: "SYNOPSIS",
        body: [
          synopsis("blit-daemon [--config FILE | --root DIR] [FLAGS]"),
          ".br",
          synopsis("blit-daemon token add NAME --module M --access LEVEL"),
          ".br",
          synopsis("blit-daemon token list | token remove NAME [--state DIR]"),
          ".br",
          synopsis("blit-daemon import FILE.toml"),
        ],
      },
      {
        heading: "DESCRIPTION",
        body: paragraphs([
          "Serves folders of this machine. On this machine's own address it is plain and open; on any other it encrypts " +
          "and asks for a token, unless `--insecure` says otherwise. At the first start there it makes a certificate, " +
          "and prints what to type on each client.",
          "Flags win over the configuration. When both ports listen, one line on standard output says so; everything " +
          "else goes to standard error. Every access stays beneath the folder that it is for, whatever clients send " +
          "and whatever local users plant there meanwhile: the daemon needs the native library for that, and " +
          "doesn't start without it.",
        ]),
      },
      { heading: "FLAGS", body: flagEntries(SERVE_FLAGS) },
      {
        heading: "TOKENS",
        body: [
          ...text(
            "`token add` makes a token, shows it once and keeps its hash. Adding and removing act at once on a running " +
              "daemon. For a daemon of another user, as in a package, do it as root and with `--state`.",
          ),
          ...flagEntries(TOKEN_FLAGS),
        ],
      },
      {
        heading: "FROM 0.1",
        body: text(
          "`import` prints the configuration of blit-daemon 0.1 in the form of this version, and says on standard error " +
            "what is different.",
        ),
      },
      {
        heading: "SIGNALS",
        body: entries([
          [
            "SIGHUP",
            "Reads the configuration again. One with a mistake is reported, and the old one stays.",
          ],
          [
            "SIGTERM, SIGINT",
            "Takes no new sessions, gives running ones `drainSeconds`, and stops. A second one stops at once.",
          ],
        ]),
      },
      {
        heading: "FILES",
        body: entries([
          [
            "$STATE_DIRECTORY",
            "Certificate, key and tokens, readable by the daemon's user alone; set by systemd, for the packages to " +
            "`/var/lib/blit-daemon`. Else they are in `$XDG_STATE_HOME/blit-daemon` or `~/.local/state/blit-daemon`. " +
            "`--state` wins over all.",
          ],
        ]),
      },
      {
        heading: "EXIT STATUS",
        body: entries([
          ["0", "stopped by a signal, or done."],
          ["1", "failed."],
          ["64", "wrong usage, or a mistake in the configuration."],
        ]),
      },
      { heading: "SEE ALSO", body: references([["blit", 1], ["blit-daemon.jsonc", 5]]) },
    ],
  };
}

function configPage(): ManPage {
  return {
    name: "blit-daemon.jsonc",
    section: 5,
    summary: "configuration of blit-daemon",
    sections: [
      {
        heading: "DESCRIPTION",
        body: paragraphs([
          "JSON, with comments and trailing commas if you like. It is checked whole: an unknown or repeated name, a wrong " +
          "value or a missing folder is reported with file, line and column, and nothing is served. Relative paths start " +
          "from its folder. `blit-daemon --config` names it.",
        ]),
      },
      {
        heading: "ENTRIES",
        body: [
          ...rowEntries(CONFIG_ROWS),
          subheading("Of a module"),
          ...rowEntries(MODULE_ROWS),
          subheading("Of limits"),
          ...rowEntries(LIMIT_ROWS),
        ],
      },
      {
        heading: "FROM DAEMON TO DAEMON",
        body: text(
          "A module's `delegation` names the daemons that it may be filled from, as users write them: a name or an address, " +
            "with the port where it isn't 9031. Content then goes from one daemon to the other, not through the machine " +
            "on which blit is typed.",
        ),
      },
      {
        heading: "EXAMPLES",
        body: verbatim([
          "{",
          '  "bind": "0.0.0.0",',
          '  "modules": [',
          '    { "name": "photos", "path": "/srv/photos", "readOnly": true },',
          '    { "name": "backup", "path": "/srv/backup", "delegation": ["nas"] }',
          "  ]",
          "}",
        ]),
      },
      { heading: "SEE ALSO", body: references([["blit-daemon", 8]]) },
    ],
  };
}

function flagEntries(flags: Readonly<Record<string, FlagSpec>>): string[] {
  return entries(
    Object.entries(flags).map(([name, { value, help }]) => [
      `--${name}${value ? ` ${value}` : ""}`,
      `${help}.`,
    ]),
  );
}

function rowEntries(rows: readonly ConfigRow[]): string[] {
  return entries(
    rows.map(({ entries: names, meaning, otherwise }) => [
      names.join(", "),
      `${meaning}.${otherwise ? ` If left out: ${otherwise}.` : ""}`,
    ]),
  );
}
