/**
 * What a client makes of failures that a daemon only claims.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type ErrorKind, STATUS } from "../../src/core/error.ts";
import { type Scratch, scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { LyingDaemon } from "../support/lying_daemon.ts";
import { served, WAYS } from "../support/served.ts";

/** What would be this side's fault, its user's mistake, and what would leave entries out without a word. */
const CLAIMS: readonly ErrorKind[] = ["bug", "usage", "cancelled"];
const FILES = { "src/one": "1", "src/two": "2", "served/src/one": "1", "served/src/two": "2" };

/** Has a daemon that lies before one that serves {@link FILES}. */
async function before(dir: Scratch, test: (lying: LyingDaemon) => Promise<void>): Promise<void> {
  await dir.write(FILES);
  await served(dir, WAYS[0], async (there) => {
    const lying = await LyingDaemon.before(there.daemon.ready);
    try {
      await test(lying);
    } finally {
      await lying.close();
    }
  }, { folder: join(dir.path, "served") });
}

Deno.test(
  "a failure that a daemon claims for an entry is the other side's, with its path, on both routes",
  scratch((dir) =>
    before(dir, async (lying) => {
      const root = `127.0.0.1:${lying.port}:/m`;
      for (const kind of CLAIMS) {
        lying.claimedStatus = STATUS[kind];
        for (const route of [[], ["--force-grpc-data"]]) {
          // Each to a place of its own: what is claimed to have failed is there.
          const place = `${kind}${route.length}`;
          for (const [from, to] of [["src/", `${root}/${place}/`], [`${root}/src/`, place]]) {
            const what = `${kind} ${from} ${to} ${route}`;
            const ran = await dir.blit("copy", "--json", ...route, from, to);
            assertStatus(ran, 2);
            // deno-lint-ignore no-explicit-any
            const told: any[] = ran.json().failures;
            const kinds = told.map(({ kind, path }) => `${kind} ${path}`).sort();
            assert.deepEqual(kinds, ["peer one", "peer two"], what);
            const [{ message }] = told;
            assert.match(message, /The other side says that it failed/, what);
            assert.doesNotMatch(message, /bug in blit|Interrupted/, what);
          }
        }
      }
    })
  ),
);

Deno.test(
  "a call that a daemon fails with a bug or a wrong usage is no bug here, and no mistake of the user's",
  scratch((dir) =>
    before(dir, async (lying) => {
      for (const kind of ["bug", "usage"]) {
        lying.claimedKind = kind;
        const ran = await dir.blit("copy", "src/", `127.0.0.1:${lying.port}:/m/there`);
        assertStatus(ran, 1);
        assert.match(ran.stderr, /127\.0\.0\.1:\d+ says: /, kind);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(ran.stderr, /bug in blit|^\s+at |\x1b|\x07/m, kind);
      }
    })
  ),
);
