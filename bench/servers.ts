/**
 * The far side of a remote comparison: each tool's server, and the command line that talks to it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { DAEMON_FLAGS } from "../packaging/daemon_flags.ts";
import type { Workload } from "./workloads.ts";

/** Which way the content goes, seen from the measured client. */
export type Route = "push" | "pull";

/** Where a server listens and what it serves. */
export interface ServerPlace {
  /** Address to bind and to dial. */
  readonly address: string;
  readonly port: number;
  /** Folder that is served. */
  readonly root: string;
  /** A folder for configuration files. */
  readonly scratch: string;
  /** blit only: with TLS and a token. */
  readonly secure: boolean;
}

/** One transfer: a local folder (or file) and a name below the server's root. */
export interface RemoteCase {
  readonly workload: Workload;
  readonly route: Route;
  readonly local: string;
  readonly remote: string;
}

/** A command that is run before the first transfer. */
export interface Introduction {
  /** Arguments of the client. */
  readonly args: string[];
  /** Arguments of the server's program whose output is the client's standard input; left out: none. */
  readonly stdinFrom?: string[];
}

/** A tool with a server. */
export interface RemotePeer {
  readonly name: string;
  /** Program that has to be there, in BLIT_PEERS or on PATH. */
  readonly client: string;
  readonly server: string;
  /** Command line of the server; may write its configuration. */
  serve(server: string, place: ServerPlace): string[];
  /** Command lines that make the server known to the client, once it listens: words, and what is typed. */
  introduce?(place: ServerPlace, ready: string): Introduction[];
  /** Arguments of the client; null where it can't do this. */
  transfer(place: ServerPlace, wanted: RemoteCase): string[] | null;
}

const ROOT = new URL("../", import.meta.url);
const RUN = ["run", "--no-prompt", "--allow-all"];

/** Arguments of Deno that run the command, and the daemon. */
export const CLIENT_RUN: readonly string[] = [...RUN, new URL("cli.ts", ROOT).pathname];
export const SERVER_RUN: readonly string[] = [
  ...RUN,
  ...DAEMON_FLAGS,
  new URL("daemon.ts", ROOT).pathname,
];

/** Source and destination in the order of the route, `SRC/` for what is in a folder. */
function ends(wanted: RemoteCase, remote: string): [string, string] {
  const isFile = wanted.workload.unit === "file";
  const [from, to] = wanted.route === "push" ? [wanted.local, remote] : [remote, wanted.local];
  return isFile ? [`${from}/file`, `${to}/file`] : [`${from}/`, to];
}

/** Every tool with a server, blit first. */
export const REMOTE_PEERS: readonly RemotePeer[] = [
  {
    name: "blit",
    client: Deno.execPath(),
    server: Deno.execPath(),
    serve: (_, { address, port, root, secure }) => [
      ...SERVER_RUN,
      ...["--root", root, "--bind", secure ? "0.0.0.0" : address],
      ...["--port", `${port}`, "--data-port", `${port + 1}`, "--no-mdns", "--json"],
      ...(secure ? [] : ["--insecure"]),
    ],
    introduce({ address, port, secure }, ready) {
      const login = [...CLIENT_RUN, "login", `${address}:${port}`];
      if (!secure) return address.startsWith("127.") ? [] : [{ args: [...login, "--plain"] }];
      const { fingerprint } = JSON.parse(ready.split("\n")[0]);
      return [{
        args: [...login, "--token-file", "-", "--fingerprint", fingerprint],
        stdinFrom: [...SERVER_RUN, "token", "add", "bench", "--module", "/", "--access", "delete"],
      }];
    },
    transfer({ address, port }, wanted) {
      const { operation } = wanted.workload;
      const [from, to] = ends(wanted, `${address}:${port}://${wanted.remote}`);
      return [...CLIENT_RUN, operation, ...(operation === "mirror" ? ["--yes"] : []), from, to];
    },
  },
  {
    name: "rsync",
    client: "rsync",
    server: "rsync",
    serve(_, { address, port, root, scratch }) {
      const config = `${scratch}/rsyncd.conf`;
      Deno.writeTextFileSync(
        config,
        `use chroot = no\nuid = root\ngid = root\nreverse lookup = no\nport = ${port}\n` +
          `address = ${address}\n[m]\npath = ${root}\nread only = no\n`,
      );
      return ["--daemon", "--no-detach", `--config=${config}`];
    },
    transfer({ address, port }, wanted) {
      const [from, to] = ends(wanted, `rsync://${address}:${port}/m/${wanted.remote}`);
      const { unit, operation } = wanted.workload;
      return [
        "-a",
        ...(operation === "mirror" ? ["--delete"] : []),
        from,
        unit === "file" ? to : `${to}/`,
      ];
    },
  },
  {
    name: "v1",
    client: "blit",
    server: "blit-daemon",
    serve: (_, { address, port, root }) => [
      ...["--root", root, "--bind", address, "--port", `${port}`, "--no-mdns"],
    ],
    transfer({ address, port }, wanted) {
      const { operation } = wanted.workload;
      const [from, to] = ends(wanted, `${address}:${port}://${wanted.remote}`);
      return [operation, "--yes", from, to];
    },
  },
];

/** What iperf3 is asked to send: the same bytes, over as many connections, by the same route. */
export function iperfArgs(place: ServerPlace, bytes: number, streams: number, route: Route) {
  return [
    ...["-c", place.address, "-p", `${place.port}`, "-n", `${bytes}`, "-P", `${streams}`],
    ...(route === "pull" ? ["-R"] : []),
  ];
}

/** Where the project lies. */
export const PROJECT = fileURLToPath(ROOT);
