/**
 * What an older client said, recorded, is understood by the daemon of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { OpenResponseSchema } from "../../src/gen/blit/v1/session_pb.ts";
import recorded from "../vectors/hello_1_0.json" with { type: "json" };
import { daemonTest } from "./daemon_support.ts";

const ENVELOPE_BYTES = 5;

daemonTest("the recorded hello of protocol 1.0 opens a session", async (scene) => {
  const http2 = connectHttp2(`http://127.0.0.1:${scene.daemon.port}`);
  const stream = http2.request({
    ":method": "POST",
    ":path": "/blit.v1.Sessions/Open",
    "content-type": "application/connect+proto",
    "connect-protocol-version": "1",
  });
  stream.write(Uint8Array.fromBase64(recorded.hello));
  const first = await new Promise<Uint8Array>((resolve, reject) => {
    stream.once("data", resolve);
    stream.once("error", reject);
  });
  const length = new DataView(first.buffer, first.byteOffset).getUint32(1);
  const { message } = fromBinary(
    OpenResponseSchema,
    first.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + length),
  );
  assert.equal(message.case, "welcome");
  assert.equal(message.case === "welcome" && message.value.version?.major, 1);
  assert.equal(message.case === "welcome" && message.value.rights.includes("read"), true);
  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.on("error", () => {});
  stream.resume();
  stream.end();
  await closed;
  await new Promise<void>((resolve) => http2.close(resolve));
});
