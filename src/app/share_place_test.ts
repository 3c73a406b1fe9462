import assert from "node:assert/strict";
import { isOnShare } from "./share_place.ts";

Deno.test("shares and devices are looked at by native code, drives by Deno", () => {
  for (
    const path of ["\\\\nas\\data", "//nas/data/x", "\\\\?\\UNC\\nas\\data", "\\\\.\\Volume{1}\\x"]
  ) {
    assert.ok(isOnShare(path, "windows"), path);
    assert.ok(!isOnShare(path, "linux"), path);
  }
  for (const path of ["C:\\x", "c:/x", "\\x", "x", "\\\\?\\C:\\x"]) {
    assert.ok(!isOnShare(path, "windows"), path);
  }
});
