import assert from "node:assert/strict";
import { readArgument } from "./locate.ts";
import { locationText, type RemoteLocation, sameHost, sameModule } from "./location.ts";

const at = (host: string, port: number | null, module = "m"): RemoteLocation => ({
  kind: "remote",
  host,
  port,
  module,
  path: "",
});

Deno.test("a daemon is one whether or not its port is named", () => {
  assert.equal(sameHost(at("nas", null), at("NAS", 9031)), true);
  assert.equal(sameHost(at("nas", null), at("nas", 9032)), false);
  assert.equal(sameHost(at("nas", null), at("other", null)), false);
  assert.equal(sameModule(at("nas", 9031), at("nas", null)), true);
  assert.equal(sameModule(at("nas", 9031), at("nas", null, "n")), false);
});

Deno.test("a place of a daemon is written as it is typed", () => {
  for (const text of ["nas:/m/p", "nas:/m", "nas://p", "nas://", "[::1]:9031:/m"]) {
    assert.equal(locationText(readArgument(text, "/").location), text);
  }
});
