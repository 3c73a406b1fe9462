import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { BlitError, type ErrorKind, STATUS } from "../core/error.ts";
import { CODE_OF_KIND, fromConnectError, KIND_METADATA, toConnectError } from "./errors.ts";

const KINDS = (Object.keys(STATUS) as ErrorKind[])
  .filter((kind) => kind !== "bug" && kind !== "usage");

Deno.test("every kind of error crosses the control plane with message and path", () => {
  for (const kind of KINDS) {
    const sent = toConnectError(new BlitError(kind, "Cannot open “ä”.", { path: "a/ä" }));
    assert.equal(sent.code, CODE_OF_KIND[kind]);
    const got = fromConnectError(
      new ConnectError(sent.rawMessage, sent.code, sent.metadata),
      "nas:9031",
    );
    assert.deepEqual([got.kind, got.message, got.path], [kind, "Cannot open “ä”.", "a/ä"]);
  }
});

Deno.test("a peer's bug, and what it finds wrong with a question, are the peer's failure", () => {
  for (const kind of ["bug", "usage"] as const) {
    const sent = toConnectError(new BlitError(kind, "It is wrong.", { path: "a" }));
    const got = fromConnectError(sent, "nas:9031");
    const wanted = ["peer", "nas:9031 says: It is wrong.", "a"];
    assert.deepEqual([got.kind, got.message, got.path], wanted);
  }
  for (const code of [Code.InvalidArgument, Code.OutOfRange]) {
    assert.equal(fromConnectError(new ConnectError("no", code), "nas").kind, "peer");
  }
});

Deno.test("what isn't a BlitError reaches the peer as a bug, without its words", () => {
  const sent = toConnectError(new TypeError("secret of /home/x"));
  assert.equal(sent.metadata.get(KIND_METADATA), "bug");
  assert.ok(!sent.message.includes("secret"));
});

Deno.test("an error of the transport names the host and what to do", () => {
  const got = fromConnectError(
    new ConnectError("connection refused", Code.Unavailable),
    "nas:9031",
  );
  assert.equal(got.kind, "disconnected");
  assert.match(
    got.message,
    /^The connection to nas:9031 broke: connection refused\. Check the host/,
  );
});

Deno.test("an unknown kind falls back to the code, and control characters don't reach the terminal", () => {
  const error = new ConnectError("\x1b[2Jgone", Code.NotFound, { [KIND_METADATA]: "toString" });
  const got = fromConnectError(error, "nas:9031");
  assert.equal(got.kind, "not_found");
  assert.ok(!got.message.includes("\x1b"));
  const long = new ConnectError("x".repeat(100_000), Code.Internal, { [KIND_METADATA]: "io" });
  assert.ok(fromConnectError(long, "nas").message.length < 10_000);
});
