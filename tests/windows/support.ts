/**
 * Tests of what only Windows has. `deno task test:windows` runs them, under wine where this isn't Windows.
 *
 * @module
 */
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { need, testOrSkip } from "../support/loop_fs.ts";

/** Registers a test on Windows alone: elsewhere it is not one of those that could run. */
export function windowsTest(name: string, test: (dir: Scratch) => Promise<void>): void {
  if (Deno.build.os === "windows") testOrSkip(`on Windows, ${name}`, test);
}

/** A path that the older layers of Windows leave as it is, whatever its length and its names. */
export function verbatim(...parts: string[]): string {
  return `\\\\?\\${join(parts[0], ".")}\\${parts.slice(1).join("\\")}`;
}

/** Sets or takes off attributes: `+r`, `-r`, `+h`. */
export function attrib(change: string, path: string): void {
  const { success } = new Deno.Command("attrib", { args: [change, path] }).outputSync();
  if (!success) throw new TypeError(`attrib ${change} ${path} failed`);
}

/** The attributes' letters, as `attrib` prints them. */
export function attributes(path: string): string {
  const { stdout } = new Deno.Command("attrib", { args: [path] }).outputSync();
  return new TextDecoder().decode(stdout).slice(0, 11).replaceAll(" ", "");
}

/** Makes a junction; the test is skipped where there are none. */
export function junction(target: string, path: string): void {
  try {
    Deno.symlinkSync(target, path, { type: "junction" });
  } catch {
    need("junctions can't be made (wine has none)");
  }
  need(Deno.lstatSync(path).isSymlink ? null : "junctions can't be made (wine has none)");
}

/** Whether the system itself gives a name another case. */
export function changesCase(dir: Scratch): boolean {
  const folder = Deno.makeTempDirSync({ dir: join(dir.path, "..") });
  Deno.writeTextFileSync(join(folder, "name"), "");
  new Deno.Command("cmd", { args: ["/c", "ren", join(folder, "name"), "NAME"] }).outputSync();
  const [{ name }] = [...Deno.readDirSync(folder)];
  Deno.removeSync(folder, { recursive: true });
  return name === "NAME";
}
