/**
 * du.
 *
 * @module
 */
import { type Usage, usageOf, withEntry } from "../app/manage.ts";
import { displayName } from "../core/rel_path.ts";
import { formatBytes } from "../core/units.ts";
import { JsonArray } from "./entry_json.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";
import { pathFields } from "./json.ts";

/** Shows the space that folders take. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, cwd, terminal, signal } = call;
  const deepest = values.depth || Infinity;
  return await withEntry(args[0], cwd, remoteSettings(call), async (opened) => {
    if (opened.notice !== null) terminal.warning(opened.notice);
    const array = values.json ? new JsonArray(terminal) : null;
    if (!array) terminal.out(`${"on disk".padStart(11)} ${"content".padStart(11)}`);
    let failures = 0;
    const oneFileSystem = values.oneFileSystem ?? false;
    for await (const usage of usageOf(opened, { oneFileSystem })) {
      signal.throwIfAborted();
      if (terminal.broken) break;
      if ("error" in usage) {
        failures++;
        terminal.error(usage.error.message);
      } else if (usage.depth <= deepest) {
        if (array) array.push(usageJson(usage));
        else terminal.out(usageLine(usage, opened.located.display));
      }
    }
    array?.end();
    return failures > 0 ? 2 : 0;
  });
}

function usageLine({ path, allocatedBytes, apparentBytes }: Usage, root: string): string {
  const shown = path === "" ? root : `${root.replace(/\/+$/, "")}/${displayName(path)}`;
  return `${formatBytes(allocatedBytes).padStart(11)} ${
    formatBytes(apparentBytes).padStart(11)
  } ${shown}`;
}

function usageJson({ path, allocatedBytes, apparentBytes, files, directories }: Usage) {
  return {
    ...pathFields(path),
    allocated_bytes: allocatedBytes,
    apparent_bytes: apparentBytes,
    files,
    directories,
  };
}
