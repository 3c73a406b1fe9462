/**
 * ls.
 *
 * @module
 */
import { parseEndpoint } from "../app/endpoint.ts";
import { entriesOf, withEntry } from "../app/manage.ts";
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { displayName, type RelPath } from "../core/rel_path.ts";
import { formatCount } from "../core/units.ts";
import { entryJson, JsonArray } from "./entry_json.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";

const KIND_LETTER: Readonly<Record<Kind, string>> = {
  [Kind.unknown]: "?",
  [Kind.file]: "-",
  [Kind.directory]: "d",
  [Kind.symlink]: "l",
  [Kind.fifo]: "p",
  [Kind.socket]: "s",
  [Kind.charDevice]: "c",
  [Kind.blockDevice]: "b",
};

/** Lists a folder. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, cwd, terminal, signal } = call;
  const endpoint = parseEndpoint(args[0]);
  if (endpoint.kind === "remote" && endpoint.module === null) {
    return await (await import("./run_modules.ts")).run(call);
  }
  return await withEntry(args[0], cwd, remoteSettings(call), async (opened) => {
    if (opened.notice !== null) terminal.warning(opened.notice);
    const array = values.json ? new JsonArray(terminal) : null;
    let failures = 0;
    for await (const found of entriesOf(opened, { recursive: values.recursive ?? false })) {
      signal.throwIfAborted();
      if (terminal.broken) break;
      if ("error" in found) {
        failures++;
        terminal.error(found.error.message);
      } else if (array) array.push(entryJson(found.path, found.block, found.index, "name"));
      else terminal.out(listLine(found.path, found.block, found.index));
    }
    array?.end();
    return failures > 0 ? 2 : 0;
  });
}

/** `drwxr-xr-x     0:0             4,096 2026-11-23 00:12 name/`. */
export function listLine(path: RelPath, block: EntryBlock, i: number): string {
  const kind = block.kind(i);
  const owner = `${block.uid(i)}:${block.gid(i)}`;
  const tail = kind === Kind.directory
    ? "/"
    : kind === Kind.symlink
    ? ` -> ${displayName(block.target(i))}`
    : "";
  return [
    modeText(kind, block.mode(i)),
    owner.padStart(9),
    formatCount(block.sizeBytes(i)).padStart(17),
    timeText(block.mtimeSeconds(i)),
    displayName(path) + tail,
  ].join(" ");
}

/** `drwxr-sr-x`. */
function modeText(kind: Kind, mode: number): string {
  const set = [mode & 0o4000, mode & 0o2000, mode & 0o1000];
  const letters = [6, 3, 0].map((shift, who) => {
    const bits = (mode >> shift) & 7;
    const special = who === 2 ? "t" : "s";
    const execute = set[who] ? bits & 1 ? special : special.toUpperCase() : bits & 1 ? "x" : "-";
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${execute}`;
  });
  return KIND_LETTER[kind] + letters.join("");
}

/** Local time to the minute. */
function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "????-??-?? ??:??";
  const two = (number: number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}`;
}
