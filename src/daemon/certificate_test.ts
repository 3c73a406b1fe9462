import assert from "node:assert/strict";
import { join } from "node:path";
import { ownCertificate } from "./certificate.ts";

Deno.test("a certificate is made once; one whose key is gone isn't replaced, which would lock every client out", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const made = await ownCertificate(folder, ["localhost"]);
    assert.ok(made.fresh);
    const again = await ownCertificate(folder, ["localhost"]);
    assert.deepEqual([again.fresh, again.fingerprint], [false, made.fingerprint]);
    await Deno.remove(join(folder, "key.pem"));
    await assert.rejects(ownCertificate(folder, ["localhost"]), {
      kind: "not_found",
      message: /key\.pem" is missing/,
    });
    assert.equal(await Deno.readTextFile(join(folder, "certificate.pem")), made.cert);
    await Deno.remove(join(folder, "certificate.pem"));
    await Deno.writeTextFile(join(folder, "key.pem"), made.key);
    assert.ok((await ownCertificate(folder, ["localhost"])).fresh);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
