import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { networksOf } from "./multicast.ts";

function address(
  family: NetworkInterfaceInfo["family"],
  text: string,
  more: Partial<NetworkInterfaceInfo> = {},
): NetworkInterfaceInfo {
  const common = { address: text, netmask: "", mac: "02:00:00:00:00:01", internal: false };
  return { ...common, cidr: null, family, scopeid: 0, ...more } as NetworkInterfaceInfo;
}

const NONE = "00:00:00:00:00:00";
const lo = [
  address("IPv4", "127.0.0.1", { internal: true, mac: NONE }),
  address("IPv6", "::1", { internal: true, mac: NONE }),
];
const cable = address("IPv6", "fe80::7", { scopeid: 7 } as Partial<NetworkInterfaceInfo>);
const eth0 = [address("IPv4", "10.0.0.2"), address("IPv4", "10.0.0.3"), address("IPv6", "fe80::2")];
const wifi = [address("IPv4", "192.168.1.2")];
const tunnel = [address("IPv4", "10.8.0.2", { mac: NONE })];

Deno.test("every network is spoken on once, but no tunnel and not this machine alone", () => {
  const all = { lo, veth7: [cable], tunnel, eth0, wifi };
  assert.deepEqual(networksOf("IPv4", all, "linux"), ["10.0.0.2", "192.168.1.2"]);
  assert.deepEqual(networksOf("IPv6", all, "linux"), ["::%eth0", "::%veth7"]);
  assert.deepEqual(networksOf("IPv6", { veth7: [cable] }, "windows"), ["::%7"]);
});

Deno.test("a machine on no network speaks to itself", () => {
  assert.deepEqual(networksOf("IPv4", { lo, tunnel }, "linux"), ["127.0.0.1"]);
  assert.deepEqual(networksOf("IPv6", { lo }, "linux"), []);
});

Deno.test("a machine with a network for each of many containers speaks on some, on its own first", () => {
  const cables = Array.from({ length: 100 }, (_, i) => [`veth${i}`, [cable]] as const);
  const networks = networksOf("IPv6", { ...Object.fromEntries(cables), eth0 }, "linux");
  assert.equal(networks.length, 32);
  assert.equal(networks[0], "::%eth0");
});
