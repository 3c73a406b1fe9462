/**
 * Carries the bytes of a native stream through a tunnel of the control plane.
 *
 * @module
 */
import type { Tunnel as NativeTunnel } from "../native/tunnel.ts";
import type { Tunnel } from "./tunnel.ts";

/** Carries both directions until either side closes; then both are closed. */
export function carryTunnel(native: NativeTunnel, tunnel: Tunnel): void {
  const out = async () => {
    for await (const { data, creditBytes } of native.outgoing) {
      tunnel.push(data, BigInt(creditBytes));
    }
  };
  const back = async () => {
    for await (const { data, creditBytes } of tunnel.messages()) {
      native.feed(data);
      native.ack(Number(creditBytes));
    }
  };
  // What broke shows at the stream: whoever uses it is told `disconnected`.
  out().catch(() => {}).finally(() => tunnel.close());
  back().catch(() => {}).finally(() => native.close());
}
