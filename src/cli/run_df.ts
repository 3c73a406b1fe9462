/**
 * df.
 *
 * @module
 */
import { withEntry } from "../app/manage.ts";
import { formatBytes, formatCount } from "../core/units.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";

/** Shows how full the file system of a place is. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, cwd, terminal } = call;
  return await withEntry(args[0], cwd, remoteSettings(call), async ({ tree, located, notice }) => {
    if (notice !== null) terminal.warning(notice);
    const { type, totalBytes, freeBytes, freeInodes, readOnly } = await tree.probe();
    const usedBytes = Math.max(0, totalBytes - freeBytes);
    if (values.json) {
      const { snakeKeys } = await import("./json.ts");
      const fields = { schema: 1, path: located.display, type, totalBytes, usedBytes, freeBytes };
      terminal.out(JSON.stringify(snakeKeys({ ...fields, freeInodes, readOnly }), null, 2));
      return 0;
    }
    const percent = totalBytes > 0 ? ` (${Math.round(100 * usedBytes / totalBytes)} %)` : "";
    terminal.out(
      `${located.display}: ${type}, ${formatBytes(totalBytes)} in all, ${
        formatBytes(usedBytes)
      } used${percent}, ` +
        `${formatBytes(freeBytes)} free, ${formatCount(freeInodes)} inodes free` +
        (readOnly ? ", read only" : ""),
    );
    return 0;
  });
}
