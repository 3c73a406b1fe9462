import assert from "node:assert/strict";
import { ABI_RECORD, checkAbiRecord } from "./layout.ts";
import { loadNative, openLibrary } from "./load.ts";

async function withEnv(
  variables: Record<string, string>,
  body: () => Promise<void>,
): Promise<void> {
  const before = new Map(Object.keys(variables).map((name) => [name, Deno.env.get(name)]));
  try {
    for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
    await body();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("BLIT_NO_NATIVE=1 asks for no library", async () => {
  await withEnv({ BLIT_NO_NATIVE: "1", BLIT_NATIVE_LIB: "/missing/lib.so" }, async () => {
    const result = await loadNative();
    assert.ok(result.library === null);
    assert.match(result.reason, /BLIT_NO_NATIVE/);
  });
});

Deno.test("a library that could not be built is told as that, not as the user's wish", async () => {
  for (const [value, reason] of [["failed", /built/], ["no-cargo", /install Rust/]] as const) {
    await withEnv({ BLIT_NO_NATIVE: value }, async () => {
      const result = await loadNative();
      assert.ok(result.library === null);
      assert.match(result.reason, reason);
      assert.doesNotMatch(result.reason, /BLIT_NO_NATIVE/);
    });
  }
});

Deno.test("a library named by BLIT_NATIVE_LIB must open", async () => {
  await withEnv({ BLIT_NO_NATIVE: "0", BLIT_NATIVE_LIB: "/missing/lib.so" }, async () => {
    await assert.rejects(loadNative, { kind: "unsupported", message: /BLIT_NATIVE_LIB/ });
  });
});

Deno.test("a missing library is a reason, not an error", () => {
  const result = openLibrary("/missing/libblit_native.so");
  assert.ok(result.library === null);
  assert.ok(result.reason.length > 0);
});

Deno.test({
  name: "a library without blit's functions is a mismatch",
  ignore: Deno.build.os !== "linux",
  fn() {
    assert.throws(() => openLibrary("libc.so.6"), { kind: "mismatch", message: /Build it again/ });
  },
});

Deno.test("an ABI record that differs in any word is a mismatch that names it", () => {
  const record = new Uint32Array(ABI_RECORD.map(([, value]) => value));
  checkAbiRecord(record, "lib");
  for (const [i, [name]] of ABI_RECORD.entries()) {
    const other = record.slice();
    other[i]++;
    assert.throws(() => checkAbiRecord(other, "lib"), {
      kind: "mismatch",
      message: new RegExp(name),
    });
  }
});
