/**
 * Permissions that a command line gives up before it touches anything.
 *
 * @module
 */
import { isRemote } from "../app/endpoint.ts";
import type { Parsed } from "./invocation.ts";

/** Whether a command line has to do with a daemon: by the command, or by the form of an argument. */
export function reachesDaemons({ command, args }: Pick<Parsed, "command" | "args">): boolean {
  if (command.network) return true;
  return command.arguments.some(({ path }, i) => path !== undefined && namesDaemon(args[i]));
}

/** Takes the network from the process for good. What native code does is not bound by it. */
export function giveUpNetwork(): void {
  Deno.permissions.revokeSync({ name: "net" });
}

function namesDaemon(argument: string | undefined): boolean {
  try {
    return argument !== undefined && isRemote(argument);
  } catch {
    // Neither: the command says so.
    return false;
  }
}
