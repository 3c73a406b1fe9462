/**
 * What blit is made of: the list with the licences is that of the lock files, and every licence is an allowed one.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  allowedLicences,
  idOf,
  isAllowed,
  licenceTexts,
  readParts,
} from "../../packaging/parts.ts";
import { renderSbom } from "../../packaging/sbom.ts";
import { renderThirdParty, THIRD_PARTY } from "../../packaging/third_party.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";

testOrSkip(
  "THIRD-PARTY.txt names every part with its licence, as the lock files have them",
  async () => {
    need(needsPrograms("cargo"));
    const parts = await readParts();
    assert.equal(
      Deno.readTextFileSync(THIRD_PARTY),
      renderThirdParty(parts),
      "THIRD-PARTY.txt is of other versions. Run: deno task third-party",
    );
    const names = new Set(parts.map(({ name }) => name));
    // What is imported, and what that uses; a crate of one system alone; nothing that only tests use.
    for (const name of ["jose", "@peculiar/asn1-schema", "rustls", "ring", "windows-sys"]) {
      assert.ok(names.has(name), name);
    }
    for (const name of ["fast-check", "proptest", "tempfile", "cc"]) {
      assert.ok(!names.has(name), name);
    }

    const allowed = allowedLicences();
    for (const part of parts) {
      assert.ok(isAllowed(part.licence, allowed), `${part.name}: ${part.licence}`);
      assert.match(part.digest.hex, /^([0-9a-f]{64}|[0-9a-f]{128})$/);
    }
    // Who brings no text is under one that names nobody, and that others bring.
    for (const part of parts.filter((part) => licenceTexts(part).length === 0)) {
      assert.match(part.licence, /Apache-2\.0/, part.name);
    }
    assert.match(renderThirdParty(parts), /Apache License\n +Version 2\.0, January 2004/);

    const bill = renderSbom(parts, "2.9.6");
    // The programs of one file carry Deno too.
    const refs = new Set(["pkg:github/denoland/deno@v2.9.6", ...parts.map(idOf)]);
    const components = bill.components as Record<string, unknown>[];
    assert.deepEqual(new Set(components.map((one) => one["bom-ref"])), refs);
    for (const { dependsOn } of bill.dependencies as { dependsOn: string[] }[]) {
      for (const id of dependsOn) assert.ok(refs.has(id), id);
    }
  },
);

Deno.test("a part may be used where one choice of its licences is allowed whole", () => {
  const allowed = new Set(["MIT", "ISC"]);
  for (const expression of ["MIT", "GPL-3.0 OR MIT", "MIT AND ISC", "GPL-3.0 OR MIT AND ISC"]) {
    assert.ok(isAllowed(expression, allowed), expression);
  }
  for (const expression of ["GPL-3.0", "MIT AND GPL-3.0", "UNLICENSED", ""]) {
    assert.ok(!isAllowed(expression, allowed), expression);
  }
});
