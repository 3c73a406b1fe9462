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
  const rows = found.map(rowOf);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  for (const row of rows) {
    terminal.out(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  }
  if (found.length === 0) {
    terminal.note(
      "No daemon announced itself. One that doesn't can still be named: blit list-modules HOST.",
    );
  }
  return 0;
}

/** `nas  nas.local  10.0.0.2  SHA256:...`; what came from the network is shown escaped. */
function rowOf({ name, host, port, addresses, fingerprint }: FoundDaemon): string[] {
  const shown = (text: string) => displayName(textToName(text));
  return [
    shown(name),
    port === DEFAULT_PORT ? shown(host) : `${shown(host)}:${port}`,
    addresses.map(shown).join(" "),
    fingerprint ? shown(fingerprint) : "plain",
  ];
}
