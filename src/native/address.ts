/**
 * IP addresses as native code takes and gives them: 16 bytes, IPv4 mapped into IPv6.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import { BlitError } from "../core/error.ts";

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

/** An address as native code takes it. */
export interface PackedAddress {
  /** 16 bytes. */
  readonly bytes: Uint8Array;
  /** Number of the interface that a link-local address belongs to; 0 where there is none. */
  readonly scope: number;
}

/**
 * Packs an address.
 *
 * @param text an IPv4 or IPv6 address without brackets; `%eth0` or `%2` may follow a link-local one
 * @throws {BlitError} `usage` where it is no address, or names an interface that isn't there
 */
export function packAddress(text: string): PackedAddress {
  const [plain, zone] = text.split("%", 2);
  if (isIPv4(plain) && zone === undefined) {
    return { bytes: new Uint8Array([...MAPPED, ...plain.split(".").map(Number)]), scope: 0 };
  }
  if (!isIPv6(plain)) {
    throw new BlitError("usage", `Cannot dial "${text}": it is not an IP address.`);
  }
  return { bytes: packV6(plain), scope: zone === undefined ? 0 : scopeOf(zone, text) };
}

/**
 * Writes an address as people do.
 *
 * @param bytes 16 bytes
 */
export function addressText(bytes: Uint8Array): string {
  if (MAPPED.every((byte, i) => bytes[i] === byte)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i] * 256 + bytes[2 * i + 1]);
  return plainV6(groups.map((group) => group.toString(16)).join(":"));
}

/** The one usual way to write an IPv6 address (RFC 5952), which is how URLs have it. */
function plainV6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

function packV6(text: string): Uint8Array {
  const [head, tail] = plainV6(text).split("::", 2);
  const groups = (part: string | undefined) => part ? part.split(":") : [];
  const before = groups(head), after = groups(tail);
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return new Uint8Array([...before, ...zeros, ...after].flatMap((group) => {
    const number = parseInt(group, 16);
    return [number >> 8, number & 0xff];
  }));
}

function scopeOf(zone: string, text: string): number {
  if (/^\d{1,9}$/.test(zone)) return Number(zone);
  const found = Deno.networkInterfaces().find(({ name, family }) =>
    name === zone && family === "IPv6"
  );
  const scope = found?.scopeid;
  if (scope) return scope;
  throw new BlitError("usage", `Cannot dial "${text}": there is no interface "${zone}" here.`);
}
