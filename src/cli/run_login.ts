/**
 * login.
 *
 * @module
 */
import { login, type LoginResult } from "../app/daemons.ts";
import type { Invocation } from "./invocation.ts";
import { askerOf } from "./remote_call.ts";

/** Makes a daemon known, and keeps the token for it. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, terminal, configDir, signal } = call;
  const result = await login({
    host: args[0],
    configDir,
    fingerprint: values.fingerprint,
    ca: values.ca,
    plain: values.plain ?? false,
    ask: askerOf(terminal, signal),
    token: async () => {
      const { readToken } = await import("./secret.ts");
      return await readToken(values.tokenFile, terminal, signal);
    },
  });
  if (values.json) {
    const { snakeKeys } = await import("./json.ts");
    terminal.out(JSON.stringify(snakeKeys({ schema: 1, ...result }), null, 2));
  } else if (!values.quiet) terminal.out(loginText(result));
  return 0;
}

function loginText({ name, fingerprint, modules }: LoginResult): string {
  const trust = fingerprint === null ? "without encryption" : `with certificate ${fingerprint}`;
  const shown = modules.map(({ name }) => name === "" ? "the default root" : name).join(", ");
  return `${name} is known now, ${trust}. Modules: ${shown || "none"}.`;
}
