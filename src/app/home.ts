/**
 * The user's home folder.
 *
 * @module
 */
import { homedir } from "node:os";

/**
 * The home folder: the environment's, else what the system has for the user. systemd gives services of root none in the
 * environment.
 *
 * @returns null where neither says, or Deno may not ask
 */
export function homeDirectory(): string | null {
  const said = Deno.env.get(Deno.build.os === "windows" ? "USERPROFILE" : "HOME");
  if (said) return said;
  const mayAsk = Deno.permissions.querySync({ name: "sys", kind: "homedir" }).state === "granted";
  return mayAsk ? homedir() : null;
}
