/**
 * scan: which daemons announce themselves on the local network.
 *
 * @module
 */
import { DEFAULT_PORT } from "../core/ports.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import { discover, type FoundDaemon } from "../net/discovery.ts";
import { JsonArray } from "./entry_json.ts";
import type { Invocation } from "./invocation.ts";

const DEFAULT_WAIT_MS = 2000;

/** Lists daemons. */
export async function run({ values, terminal, signal }: Invocation): Promise<number> {
  const found = await discover(values.wait ?? DEFAULT_WAIT_MS, signal);
  if (values.json) {
    const array = new JsonArray(terminal);
    for (const { name, host, port, addresses, fingerprint } of found) {
      array.push({ name, host, port, addresses: [...addresses], fingerprint: fingerprint ?? null });
    }
    array.end();
    return 0;
  }
  for (const daemon of found) terminal.out(lineOf(daemon));
  if (found.length === 0) {
    terminal.note("No daemon announced itself. One that was told not to can still be named.");
  }
  return 0;
}

/** `nas  nas.local:/  10.0.0.2`; what came from the network is shown escaped. */
function lineOf({ name, host, port, addresses, fingerprint }: FoundDaemon): string {
  const shown = (text: string) => displayName(textToName(text));
  const at = port === DEFAULT_PORT ? shown(host) : `${shown(host)}:${port}`;
  return [
    shown(name),
    at,
    addresses.map(shown).join(" "),
    fingerprint ? shown(fingerprint) : "plain",
  ]
    .join("\t");
}
