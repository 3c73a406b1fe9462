/**
 * find.
 *
 * @module
 */
import { compileCriteria, type Criteria, KIND_OF_LETTER } from "../app/find.ts";
import { entriesOf, withEntry } from "../app/manage.ts";
import { Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { displayName, nameToBytes, type RelPath, textToName } from "../core/rel_path.ts";
import { entryJson, JsonArray } from "./entry_json.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";
import type { OptionValues } from "./options.ts";

/** Finds entries. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, cwd, terminal, signal } = call;
  if (values.json && values.print0) {
    throw new BlitError("usage", "--json and --print0 contradict each other: give one.");
  }
  const matches = compileCriteria(criteriaOf(values));
  const root = textToName(args[0].replace(/(?<=.)\/+$/, ""));
  return await withEntry(args[0], cwd, remoteSettings(call), async (opened) => {
    if (opened.notice !== null) terminal.warning(opened.notice);
    const array = values.json ? new JsonArray(terminal) : null;
    const isBelow = opened.located.isDirectory;
    const whole = (path: RelPath) =>
      !isBelow ? root : root === "/" ? `/${path}` : `${root}/${path}`;
    let failures = 0;
    let left = values.limit || Infinity;
    const oneFileSystem = values.oneFileSystem ?? false;
    for await (const found of entriesOf(opened, { recursive: true, oneFileSystem })) {
      signal.throwIfAborted();
      if (terminal.broken || left === 0) break;
      if ("error" in found) {
        failures++;
        terminal.error(found.error.message);
        continue;
      }
      if (!matches(found.path, found.block, found.index)) continue;
      left--;
      const path = whole(found.path);
      if (array) array.push(entryJson(path, found.block, found.index, "path"));
      else if (values.print0) {
        terminal.writeBytes(nameToBytes(`${path}\0`));
      } else terminal.out(displayName(path));
    }
    array?.end();
    return failures > 0 ? 2 : 0;
  });
}

function criteriaOf(values: OptionValues): Criteria {
  const kind = values.type !== undefined
    ? KIND_OF_LETTER[values.type]
    : values.onlyFiles
    ? Kind.file
    : values.onlyDirectories
    ? Kind.directory
    : undefined;
  return {
    name: values.name,
    pattern: values.pattern,
    ignoreCase: values.ignoreCase ?? false,
    // v1: both together are all of both.
    kind: values.onlyFiles && values.onlyDirectories ? undefined : kind,
    size: values.size,
    age: values.age,
    nowMs: Date.now(),
  };
}
