import assert from "node:assert/strict";
import { isProven, makeProof } from "./proof.ts";

Deno.test("a proof that is no certificate or no signature proves nothing, and throws nothing", async () => {
  const certificate = new Uint8Array([1, 2, 3]);
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", certificate));
  const subject = { grant: "g", granterSha256: null };
  const signature = new Uint8Array(64);
  assert.equal(isProven({ certificate, signature }, sha256, subject), false);
  assert.equal(isProven({ certificate: new Uint8Array(0), signature }, sha256, subject), false);
});

Deno.test("a key that is none is an error of its owner's", () => {
  const identity = { certDer: new Uint8Array(0), key: "nothing" };
  assert.throws(() => makeProof(identity, { grant: "g", granterSha256: null }));
});
