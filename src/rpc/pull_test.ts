import assert from "node:assert/strict";
import { defaultOptions } from "../core/options.ts";
import { BlitError } from "../core/error.ts";
import { parsePullNews } from "./pull_events.ts";
import { formatPullOrder, parsePullOrder, type PullOrder } from "./pull_order.ts";
import { parseHostName, requireDelegation } from "./service/delegation.ts";

const ORDER: PullOrder = {
  options: defaultOptions("mirror"),
  single: { source: "a\xff", destination: "b" },
  paths: ["x/y"],
  emitItems: true,
  forceControlPlane: false,
  display: "nas:/m",
  history: [],
};

function isKind(kind: string) {
  return (error: unknown) => error instanceof BlitError && error.kind === kind;
}

Deno.test("an order arrives as it was written", () => {
  assert.deepEqual(parsePullOrder(formatPullOrder(ORDER)), ORDER);
});

Deno.test("an order that says something unknown, out of range or outside of the root is refused", () => {
  const { options } = ORDER;
  const orders: [unknown, string][] = [
    [null, "usage"],
    [{ ...ORDER, extra: 1 }, "usage"],
    [{ ...ORDER, options: { ...options, keepNothing: true } }, "usage"],
    [{ ...ORDER, options: { ...options, mode: "rotate" } }, "usage"],
    [{ ...ORDER, options: { ...options, discard: true } }, "usage"],
    [{ ...ORDER, options: { ...options, workers: 1e9 } }, "usage"],
    [{ ...ORDER, paths: ["../x"] }, "escaped"],
    [{ ...ORDER, single: { source: "/etc", destination: "b" } }, "escaped"],
    [{ ...ORDER, single: { source: "\u0100", destination: "b" } }, "usage"],
  ];
  for (const [order, kind] of orders) {
    assert.throws(() => parsePullOrder(JSON.stringify(order)), isKind(kind), JSON.stringify(order));
  }
  assert.throws(() => parsePullOrder("{"), isKind("usage"));
});

Deno.test("news of a kind that isn't known is passed over; what is no news is a mismatch", () => {
  assert.equal(parsePullNews('{"type":"later","x":1}'), null);
  for (const text of ["", "[]", "null", '{"type":"progress"}', '{"type":"result","summary":{}}']) {
    assert.throws(() => parsePullNews(text), isKind("mismatch"), text);
  }
});

Deno.test("a daemon's words can't move the cursor", () => {
  const news = parsePullNews('{"type":"warning","message":"a\\u001b[2Jb\\nc"}');
  assert.deepEqual(news, {
    kind: "event",
    event: { type: "warning", message: "a\ufffd[2Jb\ufffdc" },
  });
});

Deno.test("hosts are compared with their ports, however they are written", () => {
  const module = { name: "m", delegation: ["nas", "[::1]:9040", "Other:1"] };
  for (const host of ["nas:9031", "NAS", "[::1]:9040", "other:1"]) requireDelegation(module, host);
  for (const host of ["nas:9032", "[::1]", "other", "nas.example:9031"]) {
    assert.throws(() => requireDelegation(module, host), isKind("permission"), host);
  }
  for (const host of ["", "a b", "nas:0", "nas:99999", "::1", "user@nas", "x".repeat(999)]) {
    assert.equal(parseHostName(host), null, host);
    assert.throws(() => requireDelegation(module, host), isKind("usage"), host);
  }
});
