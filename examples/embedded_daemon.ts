/**
 * A program that serves its data folder to blit while it runs: to others for reading, to this machine's own jobs for
 * writing into an inbox.
 *
 * usage: deno run -A examples/embedded_daemon.ts DATA INBOX STATE    until its input ends
 *
 * @module
 */
import { BlitError, serve } from "../daemon.ts";

const [data, inbox, stateFolder] = Deno.args;
try {
  await using daemon = await serve({
    modules: [
      { name: "data", path: data, readOnly: true },
      { name: "inbox", path: inbox },
    ],
    stateFolder,
    // Loopback is plain and open. On another address clients need a token: daemon.addToken("laptop", ["data"], "read").
    bind: "127.0.0.1",
    port: 0,
    dataPort: 0,
  });
  console.log(`blit copy localhost:${daemon.port}:/data/ DST`);
  for await (const _ of Deno.stdin.readable);
  console.log(`${daemon.counts().sessions} sessions at the end`);
  // Leaving the block stops it: running sessions get a while to end.
} catch (error) {
  if (!(error instanceof BlitError)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  Deno.exit(1);
}
