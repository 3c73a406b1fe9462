/**
 * Main: from a command line to an exit status.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Settings } from "../app/settings.ts";
import { workingDirectory } from "../app/working_directory.ts";
import { EXIT_INTERRUPTED, exitOfError } from "./exit.ts";
import type { Parsed } from "./invocation.ts";
import { parseCommandLine } from "./parse.ts";
import { giveUpNetwork, reachesDaemons } from "./permissions.ts";
import { Terminal } from "./terminal.ts";

/** What main needs of the process. */
export interface Host {
  /** Ends the process at once. */
  exit(status: number): void;
}

/** Commands whose JSON is one object. */
const TRANSFERS: ReadonlySet<string> = new Set(["copy", "mirror", "move", "check"]);

/** Signals closer together than this are one press of Ctrl-C. */
const SAME_KEY_MS = 300;

/**
 * Runs a command line.
 *
 * @param args as typed, without the program's name
 * @returns the exit status
 */
export async function main(args: readonly string[], host: Host): Promise<number> {
  // The terminal of an editor, for one, shows the codes themselves.
  const isDumb = Deno.env.get("TERM") === "dumb";
  const color = !isDumb && (Deno.env.get("NO_COLOR") ?? "") === "";
  const terminal = new Terminal(Deno.stdout, Deno.stderr, color, !isDumb);
  let command: string | null = null;
  try {
    const request = parseCommandLine(args);
    if (request.kind === "version") {
      const { VERSION } = await import("../app/version.ts");
      terminal.out(`blit ${VERSION}`);
      return finish(terminal, 0);
    }
    if (request.kind === "help") {
      const { help } = await import("./help.ts");
      terminal.write(help(request.topic, request.full, terminal.columns()));
      return finish(terminal, 0);
    }
    command = request.parsed.command.name;
    return finish(terminal, await runCommand(request.parsed, terminal, host));
  } catch (error) {
    terminal.live?.stop();
    try {
      terminal.flush();
    } catch {
      // The error that is reported below is this one, or comes before it.
    }
    terminal.error(messageOf(error));
    return exitOfError(error, command);
  }
}

function finish(terminal: Terminal, status: number): number {
  terminal.live?.stop();
  terminal.flush();
  return status;
}

async function runCommand(parsed: Parsed, terminal: Terminal, host: Host): Promise<number> {
  if (!reachesDaemons(parsed)) giveUpNetwork();
  try {
    return await runWithSettings(parsed, terminal, host);
  } catch (error) {
    // A program that asked for JSON gets some, whatever happened.
    if (parsed.values.json && TRANSFERS.has(parsed.command.name)) {
      terminal.live?.stop();
      const { unbegunJson } = await import("./json.ts");
      const { name } = parsed.command;
      terminal.out(JSON.stringify(unbegunJson(name, error, exitOfError(error, name)), null, 2));
    }
    throw error;
  }
}

async function runWithSettings(parsed: Parsed, terminal: Terminal, host: Host): Promise<number> {
  const cwd = workingDirectory();
  const [{ configDirectory, loadSettings }, { run }] = await Promise.all([
    import("../app/settings.ts"),
    parsed.command.load(),
  ]);
  const configDir = configDirectory(parsed.values.configDir, cwd);
  const settings = await loadSettings(configDir);
  applySettings(settings, terminal);
  terminal.quiet = parsed.values.quiet ?? false;
  const interrupt = listenForInterrupt(terminal, host);
  try {
    return await run({ ...parsed, terminal, settings, cwd, configDir, signal: interrupt.signal });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    terminal.live?.stop();
    terminal.err("Interrupted.");
    return EXIT_INTERRUPTED;
  } finally {
    interrupt.stop();
  }
}

function applySettings(settings: Settings, terminal: Terminal): void {
  if (settings.color === "always") terminal.setColor(true);
  else if (settings.color === "never") terminal.setColor(false);
}

/** The first Ctrl-C asks the run to end, the second ends the process. */
function listenForInterrupt(terminal: Terminal, host: Host) {
  const controller = new AbortController();
  let firstAtMs = 0;
  const onSignal = () => {
    // A task runner passes on the Ctrl-C that the terminal has already sent: two signals, one key.
    if (controller.signal.aborted && performance.now() - firstAtMs < SAME_KEY_MS) return;
    firstAtMs = performance.now();
    if (controller.signal.aborted) {
      terminal.live?.stop();
      host.exit(EXIT_INTERRUPTED);
      return;
    }
    if (terminal.interactive) terminal.note("Stopping. Ctrl-C again stops at once.");
    controller.abort(new BlitError("cancelled", "Interrupted."));
  };
  // Deno ends at a hangup also where nohup had it ignored, which leaves no stream on a terminal.
  const onHangup = terminal.interactive || terminal.outIsTerminal || Deno.stdin.isTerminal()
    ? onSignal
    : () => {};
  const signals: [Deno.Signal, () => void][] = Deno.build.os === "windows"
    ? [["SIGINT", onSignal], ["SIGBREAK", onSignal]]
    : [["SIGINT", onSignal], ["SIGTERM", onSignal], ["SIGHUP", onHangup]];
  for (const [signal, told] of signals) Deno.addSignalListener(signal, told);
  return {
    signal: controller.signal,
    stop: () => {
      for (const [signal, told] of signals) Deno.removeSignalListener(signal, told);
    },
  };
}

function messageOf(error: unknown): string {
  if (error instanceof BlitError) return error.message;
  const words = error instanceof Error ? error.message : String(error);
  const stack = Deno.env.get("BLIT_DEBUG") === "1" && error instanceof Error ? error.stack : "";
  return `Internal error: ${words}. This is a bug in blit: please report it with this line.` +
    (stack ? `\n${stack}` : "");
}
