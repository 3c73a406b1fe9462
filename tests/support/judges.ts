/**
 * Other programs' opinion of what blit did: rsync, mtree, filefrag, strace, time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, Scratch } from "./cli.ts";
import { need, needsPrograms, sh } from "./loop_fs.ts";

/** Fails where rsync would change anything to make `destination` the same as `source`, in anything it keeps, but for `options`. */
export function assertRsyncFindsNothing(source: string, destination: string, ...options: string[]) {
  need(needsPrograms("rsync"));
  const changes = sh(
    `rsync --dry-run --checksum --itemize-changes --archive --hard-links --acls --xattrs --devices --specials --delete "\${@:2}" "$0/" "$1/"`,
    source,
    destination,
    ...options,
  );
  assert.equal(changes, "", "rsync would change this");
}

/** Fails where mtree sees a difference in kind, mode, owner, size, time, link, device or content. */
export function assertMtreeAgrees(source: string, destination: string): void {
  need(needsPrograms("mtree"));
  // mtree's own list of times ends at the second, and it can't say a time before 1970.
  const keys = "type,mode,uid,gid,size,link,device,nlink,sha256";
  const said = sh(
    `mtree -c -P -k ${keys} -p "$0" | mtree -P -p "$1" 2>&1 || true`,
    source,
    destination,
  );
  assert.equal(said, "", "mtree sees this");
}

/** Fails where a staged entry is left anywhere below. */
export function assertNothingStaged(...folders: string[]): void {
  for (const folder of folders) assert.equal(sh(`find "$0" -name '.blit-*'`, folder), "");
}

/** Fails where blit didn't end as expected, and shows what it said. */
export function assertStatus(ran: Ran, status: number): void {
  assert.equal(ran.status, status, `${ran.stdout}\n${ran.stderr}`);
}

/** Bytes that a file takes on its disk. */
export function allocatedBytes(path: string): number {
  return Number(sh(`stat -c '%b' "$0"`, path)) * 512;
}

/** Whether all of a file's extents are another file's, too. */
export function isShared(path: string): boolean {
  need(needsPrograms("filefrag"));
  const lines = sh(`sync -f "$0"; filefrag -v "$0"`, path).split("\n")
    .filter((line) => /^ +\d+:/.test(line));
  return lines.length > 0 && lines.every((line) => line.includes("shared"));
}

/** Runs blit under strace; lines of the named system calls, threads' numbers left out. */
export async function traced(
  dir: Scratch,
  calls: string,
  ...args: string[]
): Promise<{ readonly ran: Ran; readonly calls: string[] }> {
  need(needsPrograms("strace"));
  const log = join(dir.env().HOME, "strace.log");
  const wrapper = ["strace", "-f", "-qq", "-y", "-s", "256", "-e", `trace=${calls}`, "-o", log];
  const ran = await dir.blitWith({ wrapper }, ...args);
  const lines = (await Deno.readTextFile(log)).split("\n").map((line) =>
    line.replace(/^\d+ +/, "")
  );
  return { ran, calls: lines };
}

/** Runs blit and measures its peak memory, MiB. */
export async function peakOf(
  dir: Scratch,
  ...args: string[]
): Promise<{ readonly ran: Ran; readonly peakMiB: number }> {
  need(needsPrograms("/usr/bin/time"));
  const log = join(dir.env().HOME, "time.log");
  const ran = await dir.blitWith({ wrapper: ["/usr/bin/time", "-f", "%M", "-o", log] }, ...args);
  const peak = (await Deno.readTextFile(log)).trim().split("\n").at(-1);
  return { ran, peakMiB: Number(peak) / 1024 };
}

/** Waits until `test` holds, looking every so often, and fails where it doesn't in time. */
export async function until(
  test: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
  everyMs = 2,
) {
  const end = performance.now() + timeoutMs;
  while (!await test()) {
    assert.ok(performance.now() < end, `waited ${timeoutMs} ms for ${test}`);
    await sleep(everyMs);
  }
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ends a spawned command by SIGKILL after a while, if it still runs; its streams are drained. */
export async function killAfter(child: Deno.ChildProcess, ms: number): Promise<boolean> {
  const drained = Promise.all([child.stdout.cancel(), child.stderr.cancel(), child.stdin.abort()]);
  await Promise.race([sleep(ms), child.status]);
  try {
    child.kill("SIGKILL");
  } catch {
    // It had ended.
  }
  const { signal } = await child.status;
  await drained.catch(() => {});
  return signal === "SIGKILL";
}
