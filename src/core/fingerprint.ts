/**
 * Fingerprints of certificates as people see them: `SHA256:` and base64 without padding, as ssh writes them.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const PREFIX = "SHA256:";
const DIGEST_BYTES = 32;

/** Writes the SHA-256 of a certificate (DER), 32 bytes. */
export function formatFingerprint(sha256: Uint8Array): string {
  return PREFIX + Buffer.from(sha256).toString("base64").replace(/=+$/, "");
}

/**
 * Reads a fingerprint: `SHA256:` and base64 or hexadecimal, with or without colons.
 *
 * @returns the digest's 32 bytes; null where it is something else
 */
export function parseFingerprint(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.trim().replace(/^sha256:/i, "");
  const hex = digits.replaceAll(":", "");
  const bytes = /^[0-9a-f]{64}$/i.test(hex)
    ? Buffer.from(hex, "hex")
    : /^[A-Za-z0-9+/]{43}=?$/.test(digits)
    ? Buffer.from(digits, "base64")
    : null;
  return bytes?.length === DIGEST_BYTES ? new Uint8Array(bytes) : null;
}
