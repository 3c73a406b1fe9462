import assert from "node:assert/strict";
import type { ServiceLog } from "../rpc/service/host.ts";
import { TokenAuthority } from "./auth.ts";
import { moduleOf } from "./config_parse.ts";
import { daemonLog } from "./log.ts";
import { TokenStore } from "./tokens.ts";

const PHOTOS = moduleOf({ name: "photos", path: "/p" });
const ROOT = moduleOf({ name: "", path: "/" });

function withStore(
  body: (store: TokenStore, folder: string) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const folder = Deno.makeTempDirSync({ prefix: "blit-tokens-" });
    try {
      await body(new TokenStore(folder), folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

Deno.test(
  "a token opens what it was made for, and is kept as a hash that only its owner can read",
  withStore(async (store, folder) => {
    const secret = store.add("alice", ["photos"], "write");
    const text = Deno.readTextFileSync(store.path);
    assert.ok(!text.includes(secret));
    assert.equal(Deno.statSync(store.path).mode! & 0o777, 0o600);
    const authority = new TokenAuthority(new TokenStore(folder), daemonLog());
    const caller = await authority.authenticate(`Bearer ${secret}`, "::1");
    assert.equal(caller?.user, "alice");
    assert.equal(caller?.access(PHOTOS), "write");
    assert.equal(caller?.access(ROOT), null);
    store.add("bob", ["/"], "read");
    assert.throws(() => store.add("bob", ["*"], "read"), { kind: "exists" });
  }),
);

Deno.test(
  "a removed token opens nothing, at once and for who has come already",
  withStore(async (store, folder) => {
    const secret = store.add("alice", ["*"], "admin");
    const authority = new TokenAuthority(new TokenStore(folder), daemonLog(), async () => {});
    const caller = await authority.authenticate(`bearer ${secret}`, "::1");
    assert.equal(caller?.access(ROOT), "admin");
    store.remove("alice");
    assert.equal(caller?.access(ROOT), null);
    await assert.rejects(authority.authenticate(`Bearer ${secret}`, "::1"), {
      kind: "unauthenticated",
    });
    assert.throws(() => store.remove("alice"), { kind: "not_found" });
  }),
);

Deno.test(
  "failures are slower each time, and only so many wait at once",
  withStore(async (store) => {
    const waits: number[] = [];
    let release = () => {};
    const wait = (ms: number) => {
      waits.push(ms);
      return new Promise<void>((resolve) => {
        const before = release;
        release = () => (before(), resolve());
      });
    };
    const authority = new TokenAuthority(store, daemonLog(), wait);
    const tries = ["x", "Basic abc", `Bearer ${"y".repeat(5000)}`, "Bearer blit_z", "Bearer w"]
      .map((words) => authority.authenticate(words, "10.0.0.1").catch((error) => error.kind));
    // The fifth isn't even kept waiting.
    assert.equal(await tries[4], "busy");
    assert.deepEqual(waits, [250, 500, 1000, 2000]);
    // Others aren't slowed down by it.
    const secret = store.add("alice", ["*"], "read");
    assert.equal((await authority.authenticate(`Bearer ${secret}`, "10.0.0.1"))?.user, "alice");
    release();
    assert.deepEqual(await Promise.all(tries.slice(0, 4)), Array(4).fill("unauthenticated"));
    assert.equal(await authority.authenticate(null, "10.0.0.1"), null);
    assert.equal(authority.failures, 5);
  }),
);

Deno.test(
  "who fails to log in a thousand times is told of in the log ten times",
  withStore(async (store) => {
    const lines: unknown[] = [];
    const log = { ...daemonLog(), warn: (_: string, words: unknown) => void lines.push(words) };
    const authority = new TokenAuthority(store, log as ServiceLog, () => Promise.resolve());
    for (let i = 0; i < 1000; i++) await authority.authenticate("Bearer x", "::1").catch(() => {});
    assert.deepEqual(lines.at(-1), { peer: "::1", count: 512 });
    assert.equal(lines.length, 10);
    assert.equal(authority.failures, 1000);
  }),
);

Deno.test(
  "a damaged file lets nobody in",
  withStore(async (store, folder) => {
    const secret = store.add("alice", ["*"], "admin");
    Deno.writeTextFileSync(store.path, '{"version":1,"tokens":[{"name":"x"}]}');
    const waits: number[] = [];
    const wait = (ms: number) => Promise.resolve(void waits.push(ms));
    const authority = new TokenAuthority(new TokenStore(folder), daemonLog(), wait);
    // The path is for the log.
    const message = "The daemon can't read its tokens, so it knows nobody. Its log says why.";
    await assert.rejects(authority.authenticate(`Bearer ${secret}`, "::1"), {
      kind: "corrupt",
      message,
    });
    assert.deepEqual(waits, [250]);
  }),
);

Deno.test(
  "a file of a newer version lets nobody in, says so, and stays as it is",
  withStore((store, folder) => {
    const newer = '{"version":2,"users":[]}';
    Deno.writeTextFileSync(store.path, newer);
    const newest = new TokenStore(folder);
    const words = /a newer blit-daemon wrote them\. Install that version again/;
    assert.throws(() => newest.all(), { kind: "mismatch", message: words });
    assert.throws(() => newest.add("alice", ["*"], "read"), { kind: "mismatch" });
    assert.equal(Deno.readTextFileSync(store.path), newer);
    return Promise.resolve();
  }),
);
