/**
 * diagnostics dump.
 *
 * @module
 */
import { gatherDump, type SideDump } from "../app/dump.ts";
import { formatBytes, formatCount } from "../core/units.ts";
import type { Invocation } from "./invocation.ts";
import { snakeKeys } from "./json.ts";

/** Shows how a copy would go about it. */
export async function run({ args, values, cwd, configDir, terminal }: Invocation): Promise<number> {
  const dump = await gatherDump(args[0], args[1], cwd, configDir);
  if (values.json) {
    terminal.out(JSON.stringify(snakeKeys(dump), null, 2));
    return 0;
  }
  const { versions, located, decision } = dump;
  terminal.out(
    `blit ${versions.blit}, Deno ${versions.deno}, V8 ${versions.v8}, ${versions.os}, ${versions.arch}, ` +
      `${dump.cores} processors`,
  );
  terminal.out(`${located.sourceDisplay} → ${located.destinationDisplay}`);
  terminal.out(`trees: ${dump.trees}${dump.notice ? ` (${dump.notice})` : ""}`);
  for (
    const line of [
      ...sideLines("source", dump.source),
      ...sideLines("destination", dump.destination),
    ]
  ) {
    terminal.out(line);
  }
  if (dump.refused !== null) terminal.out(`would be refused: ${dump.refused}`);
  if (decision !== null) {
    terminal.out(`path: ${decision.path}, because: ${decision.why}`);
    terminal.out(
      `${decision.workers} workers, batches of up to ${
        formatCount(decision.batchFiles)
      } files or ` +
        formatBytes(decision.batchBytes),
    );
  }
  return 0;
}

function sideLines(name: string, { path, exists, traits, facts }: SideDump): string[] {
  const kept = Object.entries(traits);
  const yes = kept.filter(([, has]) => has).map(([trait]) => words(trait));
  const no = kept.filter(([, has]) => !has).map(([trait]) => words(trait));
  const marks = [
    facts.readOnly ? "read-only" : "",
    facts.foldsCase ? "folds case" : "",
    facts.normalisesUnicode ? "normalises Unicode" : "",
    facts.isFsRoot ? "root of its file system" : "",
  ].filter((mark) => mark !== "");
  return [
    `${name}: ${path}${exists ? "" : " (nearest that exists)"}`,
    `  file system: ${[facts.type, ...marks].join(", ")}; ${
      formatBytes(facts.freeBytes)
    } free of ` +
    formatBytes(facts.totalBytes),
    `  keeps: ${yes.join(", ") || "nothing"}${no.length > 0 ? `; not: ${no.join(", ")}` : ""}`,
  ];
}

/** `nanosecondTimes` as words. */
function words(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
