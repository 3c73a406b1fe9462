/**
 * Announces a daemon that isn't there, until its standard input ends.
 *
 * @module
 */
import { announce } from "../../src/net/discovery.ts";

const withdraw = announce(
  { name: "attic\nnas", port: 19031, fingerprint: "SHA256:abc" },
  (error) => console.error(error.message),
);
for await (const _ of Deno.stdin.readable) {
  // Only its end counts.
}
await withdraw();
Deno.exit(0);
