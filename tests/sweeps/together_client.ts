/**
 * A client that makes one transfer: says `going` once it has done something, and at the end, in one line of JSON, how it
 * ended. Arguments: mode, source, destination, folder of settings.
 *
 * @module
 */
import assert from "node:assert/strict";
import { transfer } from "../../src/app/transfer.ts";
import { BlitError } from "../../src/core/error.ts";
import { defaultOptions, type Mode } from "../../src/core/options.ts";

/** How a transfer ended. */
export interface Ended {
  readonly outcome: string;
  /** Why it failed. */
  readonly kind?: string;
  readonly message?: string;
  /** Its failed entries, as sentences. */
  readonly failures: readonly string[];
}

/** Makes one transfer, and never throws what is blit's to say. */
export async function transferred(
  { mode, source, destination, configDir, forceControlPlane }: {
    readonly mode: Mode;
    readonly source: string;
    readonly destination: string;
    readonly configDir: string;
    readonly forceControlPlane?: boolean;
  },
  onGoing: () => void = () => {},
): Promise<Ended> {
  let isGoing = false;
  const options = defaultOptions(mode);
  try {
    const { summary, error } = await transfer({
      source,
      destination,
      options: { ...options, delete: { ...options.delete, maxDelete: { kind: "all" } } },
      cwd: "/",
      configDir,
      forceControlPlane,
      listener: (event) => {
        if (isGoing || event.type !== "progress" || event.filesDone === 0) return;
        isGoing = true;
        onGoing();
      },
    });
    const failures = summary.failures.map(({ message }) => message);
    const kind = error instanceof BlitError ? error.kind : error ? "bug" : undefined;
    return { outcome: summary.outcome, kind, message: error?.message, failures };
  } catch (error) {
    if (!(error instanceof BlitError)) throw error;
    return { outcome: "failed", kind: error.kind, message: error.message, failures: [] };
  }
}

/** It was right. */
export function assertDone({ outcome, kind, message, failures }: Ended): void {
  assert.equal(outcome, "done", `${kind}: ${message} ${failures[0] ?? ""}`);
}

/** It was right, or says what was wrong, and where. */
export function assertClear({ outcome, kind, message, failures }: Ended): void {
  if (outcome === "done") return;
  const all = [...message === undefined ? [] : [message], ...failures];
  assert.ok(all.length > 0, `it ended as ${outcome} and says nothing`);
  assert.notEqual(kind, "bug", message);
  for (const said of all) {
    assert.match(said, /["/]|:\d+/, `it names neither path nor host: ${said}`);
    assert.doesNotMatch(said, /bug in blit|\n\s+at /);
  }
}

/** Both trees have the same files. */
export function assertSame(
  wanted: ReadonlyMap<string, string> | null,
  found: ReadonlyMap<string, string> | null,
): void {
  assert.ok(wanted && found, "a tree isn't there");
  const differing = [...wanted].filter(([path, digest]) => found.get(path) !== digest)
    .map(([path]) => path);
  const more = [...found].filter(([path]) => !wanted.has(path)).map(([path]) => path);
  assert.deepEqual([differing.slice(0, 5), more.slice(0, 5)], [[], []], "the trees differ");
}

if (import.meta.main) {
  const [mode, source, destination, configDir] = Deno.args;
  const request = { mode: mode as Mode, source, destination, configDir };
  console.log(JSON.stringify(await transferred(request, () => console.log("going"))));
}
