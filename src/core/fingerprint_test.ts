import assert from "node:assert/strict";
import { formatFingerprint, parseFingerprint } from "./fingerprint.ts";

const DIGEST = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

Deno.test("a fingerprint is read back, in base64 and in hexadecimal", () => {
  const text = formatFingerprint(DIGEST);
  assert.match(text, /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.deepEqual(parseFingerprint(text), DIGEST);
  assert.deepEqual(parseFingerprint(`${text}=`), DIGEST);
  const hex = Array.from(DIGEST, (byte) => byte.toString(16).padStart(2, "0"));
  assert.deepEqual(parseFingerprint(hex.join(":")), DIGEST);
  assert.deepEqual(parseFingerprint(`sha256:${hex.join("").toUpperCase()}`), DIGEST);
});

Deno.test("what is no SHA-256 is no fingerprint", () => {
  for (const text of ["", "SHA256:", "SHA256:abcd", "MD5:00:11", `SHA256:${"!".repeat(43)}`]) {
    assert.equal(parseFingerprint(text), null, text);
  }
});
