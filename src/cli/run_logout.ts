/**
 * logout.
 *
 * @module
 */
import { logout } from "../app/daemons.ts";
import type { Invocation } from "./invocation.ts";

/** Forgets a daemon and the token for it. */
export function run({ args, values, terminal, configDir }: Invocation): Promise<number> {
  const name = logout(configDir, args[0]);
  if (!values.quiet) terminal.out(`${name} is unknown again, and its token is forgotten.`);
  return Promise.resolve(0);
}
