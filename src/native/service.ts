/**
 * Service managers that wait for a word of what they start, as systemd does with `Type=notify`.
 *
 * @module
 */
import { BlitError, kindOfStatus } from "../core/error.ts";
import type { NativeLibrary } from "./load.ts";

/** Where the service manager listens, if there is one. Reference: sd_notify(3). */
const ADDRESS = "NOTIFY_SOCKET";

/**
 * Tells the service manager that this process is ready; without one it does nothing.
 *
 * @throws {BlitError} what keeps it from hearing
 */
export function tellReady({ symbols }: NativeLibrary): void {
  const named = Deno.env.get(ADDRESS);
  if (!named) return;
  const encoder = new TextEncoder();
  const [address, words] = [encoder.encode(named), encoder.encode("READY=1")];
  const sizes = [BigInt(address.length), BigInt(words.length)] as const;
  const code = symbols.blit_service_notify(address, sizes[0], words, sizes[1]);
  if (code === 0) return;
  const kind = kindOfStatus(-code);
  throw new BlitError(
    kind,
    `Cannot tell the service manager at ${ADDRESS}=${named} that the daemon is ready: "${kind}". ` +
      "It may count the start as failed: give the unit Type=exec, or unset the variable.",
    { operation: "tell" },
  );
}
