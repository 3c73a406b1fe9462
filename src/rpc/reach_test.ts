import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { BlitError } from "../core/error.ts";
import { connectAny } from "./reach.ts";

async function listening(address: string): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return { port: (server.address() as { port: number }).port, server };
}

Deno.test("an address that refuses gives way to the next one without a wait, and the first one's answer is told", async () => {
  const { port, server } = await listening("127.0.0.2");
  const name = { host: "nas", port };
  const { socket, address } = await connectAny(name, undefined, ["127.0.0.1", "127.0.0.2"]);
  socket.destroy();
  assert.equal(address, "127.0.0.2");
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(connectAny(name, undefined, ["127.0.0.1", "127.0.0.2"]), (error) => {
    assert.ok(error instanceof BlitError && error.kind === "disconnected");
    assert.match(
      error.message,
      /^Cannot reach nas:\d+: Connection refused \(ECONNREFUSED\)\. Check/,
    );
    return true;
  });
});

Deno.test("the first address that answers is kept, though others answer too", async () => {
  const { port, server } = await listening("0.0.0.0");
  const name = { host: "nas", port };
  const { socket, address } = await connectAny(name, undefined, ["127.0.0.3", "127.0.0.4"]);
  assert.equal(address, "127.0.0.3");
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
