/**
 * When HTTP/2 sessions are destroyed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import { destroyLater } from "./destroy_later.ts";

Deno.test("a peer's goodbye to a session without calls doesn't free it while it is read", async () => {
  const server = createServer();
  const accepted = Promise.withResolvers<ServerHttp2Session>();
  server.on("session", (session) => {
    destroyLater(session);
    accepted.resolve(session);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const client = connect(`http://127.0.0.1:${port}`);
  destroyLater(client);
  const session = await accepted.promise;
  const closed = [session, client].map((end) =>
    new Promise<void>((resolve) => end.once("close", () => resolve()))
  );
  // What the goodbye does follows at once, within the same call of native code.
  const heard = Promise.withResolvers<boolean>();
  session.once("goaway", () => queueMicrotask(() => heard.resolve(session.destroyed)));
  client.close();
  assert.equal(await heard.promise, false);
  await Promise.all(closed);
  assert.ok(session.destroyed && client.destroyed);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
