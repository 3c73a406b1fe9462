/**
 * A daemon of its own process that serves one folder, and the command that works with it.
 *
 * @module
 */
import { join } from "node:path";
import type { Access } from "../../src/rpc/service/rights.ts";
import { TokenStore } from "../../src/daemon/tokens.ts";
import type { Ran, RunWith, Scratch } from "./cli.ts";
import { DaemonHome, type DaemonPlace, type DaemonProcess } from "./daemon_process.ts";
import { assertStatus } from "./judges.ts";

/** A way to a daemon. */
export interface Way {
  readonly name: string;
  readonly secure?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What the summary says. */
  readonly transport: string;
}

/** Every way: the first is plain, the second secure, the third and fourth without the data port. */
export const WAYS: readonly Way[] = [
  { name: "the data plane, plain", transport: "data_plane" },
  { name: "the data plane, TLS", secure: true, transport: "data_plane_tls" },
  { name: "the control plane", args: ["--force-grpc-data"], transport: "control_plane" },
  {
    name: "the control plane, TLS",
    secure: true,
    env: { BLIT_FORCE_GRPC_DATA: "1" },
    transport: "control_plane",
  },
];

const TRANSFERS = ["copy", "mirror", "move", "check"];

/** A daemon that serves a folder as the module `m`, with every right. */
export class Served {
  readonly folder: string;
  /** The daemon's configuration. */
  readonly configFile: string;
  readonly #dir: Scratch;
  readonly #way: Way;
  readonly #home: DaemonHome;
  readonly #flags: readonly string[];
  #daemon: DaemonProcess;

  constructor(
    dir: Scratch,
    folder: string,
    way: Way,
    home: DaemonHome,
    { configFile, flags }: { readonly configFile: string; readonly flags: readonly string[] },
    daemon: DaemonProcess,
  ) {
    this.#dir = dir;
    this.folder = folder;
    this.configFile = configFile;
    this.#way = way;
    this.#home = home;
    this.#flags = flags;
    this.#daemon = daemon;
  }

  /** The daemon's process as it is now. */
  get daemon(): DaemonProcess {
    return this.#daemon;
  }

  /** Where it is reached. */
  get host(): string {
    return `127.0.0.1:${this.#daemon.ready.port}`;
  }

  /** Runs the command to its end. */
  readonly blit = (...args: string[]): Promise<Ran> =>
    this.#dir.blitWith({ env: this.#way.env }, ...this.#words(args));

  /** Starts the command; its streams are the caller's to read and close. */
  readonly spawn = (surroundings: RunWith, ...args: string[]): Deno.ChildProcess => {
    const env = { ...this.#way.env, ...surroundings.env };
    return this.#dir.spawn({ ...surroundings, env }, ...this.#words(args));
  };

  /** Starts the daemon again, on the same ports; the one before must have ended. */
  async start(): Promise<void> {
    const { port, data_port } = this.#daemon.ready;
    const ports = ["--port", `${port}`, "--data-port", `${data_port}`, "--no-mdns", "--json"];
    this.#daemon = await this.#home.startAs(...ports, ...this.#flags);
  }

  /** Makes a token for somebody. */
  addToken(name: string, access: Access, ...modules: readonly string[]): string {
    return new TokenStore(join(this.#home.path, "state", "blit-daemon")).add(name, modules, access);
  }

  #words(args: readonly string[]): string[] {
    return [...args, ...TRANSFERS.includes(args[0]) ? this.#way.args ?? [] : []];
  }
}

/** How a served folder differs. */
export interface ServedOptions {
  /** Where it is; `served` in the scratch folder unless given. */
  readonly folder?: string;
  /** More of the daemon's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** How the daemon's process differs. */
  readonly daemon?: Pick<DaemonPlace, "wrapper" | "clockMs" | "heldFile">;
}

/** Serves a folder while `test` runs. */
export async function served(
  dir: Scratch,
  way: Way,
  test: (served: Served) => Promise<void>,
  { folder = join(dir.path, "served"), config = {}, daemon = {} }: ServedOptions = {},
): Promise<void> {
  using home = new DaemonHome(daemon);
  await Deno.mkdir(folder, { recursive: true });
  const modules = [{ name: "m", path: folder, trustMetadata: true }];
  const configFile = home.write("config.jsonc", JSON.stringify({ modules, ...config }));
  const flags = ["--config", configFile, ...way.secure ? ["--bind", "0.0.0.0"] : []];
  const there = new Served(
    dir,
    folder,
    way,
    home,
    { configFile, flags },
    await home.start(...flags),
  );
  try {
    if (way.secure) {
      const token = there.addToken("t", "delete", "m");
      const pin = ["--fingerprint", there.daemon.ready.fingerprint!];
      const login = ["login", there.host, "--token-file", "-", ...pin];
      assertStatus(await dir.blitWith({ stdin: token }, ...login), 0);
    }
    await test(there);
  } finally {
    await there.daemon.stop();
  }
}
