import assert from "node:assert/strict";
import { addressText, packAddress } from "./address.ts";

Deno.test("addresses survive being packed, in the form that people write", () => {
  for (
    const [text, written] of [
      ["127.0.0.1", "127.0.0.1"],
      ["255.255.255.255", "255.255.255.255"],
      ["::1", "::1"],
      ["::", "::"],
      ["2001:DB8:0:0:0::1", "2001:db8::1"],
      ["fe80::1:2:3:4%7", "fe80::1:2:3:4"],
      ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
      ["::ffff:10.1.2.3", "10.1.2.3"],
      ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ]
  ) {
    const { bytes } = packAddress(text);
    assert.equal(bytes.length, 16, text);
    assert.equal(addressText(bytes), written);
  }
  assert.equal(packAddress("fe80::1%7").scope, 7);
  assert.equal(packAddress("fe80::1").scope, 0);
});

Deno.test("an interface's name becomes its number", () => {
  const loopback = Deno.networkInterfaces().find(({ address, scopeid }) =>
    address === "::1" || Boolean(scopeid)
  );
  // Windows has the number itself in their place, and some of the names are no one word.
  if (loopback?.scopeid && Deno.build.os !== "windows") {
    assert.equal(packAddress(`fe80::1%${loopback.name}`).scope, loopback.scopeid);
  }
  assert.throws(() => packAddress("fe80::1%nothere"), { kind: "usage", message: /nothere/ });
});

Deno.test("what is no address is refused", () => {
  for (const text of ["", "nas", "1.2.3", "1.2.3.4.5", "::1::", "[::1]", "1.2.3.4%eth0"]) {
    assert.throws(() => packAddress(text), { kind: "usage" }, text);
  }
});
