/**
 * blit-daemon in a process of its own, on a host of its own.
 *
 * @module
 */
import { join } from "node:path";
import type { Scratch } from "./cli.ts";
import type { Host } from "./two_hosts.ts";

/** The program. */
export const DAEMON = new URL("../../daemon.ts", import.meta.url).pathname;

/** A daemon that is ready. */
export interface DaemonProcess {
  readonly ready: string;
  /** What it printed on stderr until it was ready. */
  readonly said: string;
  stop(): Promise<void>;
}

/** Starts `blit-daemon ARGS` with its state in the scratch folder, and waits until it is ready. */
export async function startDaemonProcess(
  dir: Scratch,
  host: Host,
  ...flags: string[]
): Promise<DaemonProcess> {
  const words = ["run", "-A", "--no-check", DAEMON, ...flags];
  const [program, ...args] = host.command(Deno.execPath(), ...words);
  const child = new Deno.Command(program, {
    args,
    cwd: dir.path,
    env: { ...dir.env(), XDG_STATE_HOME: join(dir.path, "state") },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const said: string[] = [];
  const saying = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said.push(text);
  })();
  const { value = "" } = await reader.read();
  return {
    ready: value,
    get said() {
      return said.join("");
    },
    stop: async () => {
      child.kill("SIGTERM");
      await child.status;
      await reader.cancel();
      await saying;
    },
  };
}
