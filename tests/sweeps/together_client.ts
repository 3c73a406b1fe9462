/**
 * A client that makes one transfer: says `going` once it has done something, and at the end, in one line of JSON, how it
 * ended. Arguments: mode, source, destination, folder of settings.
 *
 * @module
 */
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
  { mode, source, destination, configDir }: {
    readonly mode: Mode;
    readonly source: string;
    readonly destination: string;
    readonly configDir: string;
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

if (import.meta.main) {
  const [mode, source, destination, configDir] = Deno.args;
  const request = { mode: mode as Mode, source, destination, configDir };
  console.log(JSON.stringify(await transferred(request, () => console.log("going"))));
}
