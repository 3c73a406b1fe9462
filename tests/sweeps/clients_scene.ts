/**
 * A live daemon, and the generated sequences of steps that it sees; see `clients_sweep.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { ownCertificate } from "../../src/daemon/certificate.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { type RawClient, rawClient } from "../remote/daemon_support.ts";
import { type Footprint, footprint, settled } from "../support/footprint.ts";
import { PLANTED, PLANTED_LINKS } from "../support/hostile_paths.ts";
import { sleep, until } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { Expected, kindOf, type Peer, type Step, type User } from "../support/protocol_model.ts";
import { dialRaw, preamble, tunnelRaw } from "../support/raw_stream.ts";
import type { Served } from "../support/served.ts";
import { altered } from "../support/token_changes.ts";

/** Without tokens, everybody may do everything. */
const ANYBODY: User = { name: "anybody", access: { m: "admin", ro: "admin" } };
/** Whoever comes first sees the module `m`. */
const USERS: readonly User[] = [
  { name: "owner", access: { m: "admin", ro: "admin" } },
  { name: "writer", access: { m: "write", ro: "write" } },
  { name: "reader", access: { m: "read", ro: "read" } },
  { name: "other", access: { elsewhere: "admin" } },
  { name: "nobody", access: {}, isNobody: true },
];

/** How long a daemon may take to let go of everything, on a machine that is busy, and how often that is looked at. */
const SETTLE_MS = 60_000, LOOK_MS = 20;
/** A little longer than a one-time token lives. */
const TOKEN_IS_OVER_MS = 31_500;

/** A daemon, and the sequences that it sees. */
export class ClientsScene {
  readonly #there: Served;
  readonly #folder: string;
  readonly #users: readonly User[];
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #readers: Peer["readers"];
  #before: Footprint | null = null;
  #logged = 0;
  served = 0;
  refused = 0;
  /** How many refusals were due to what. */
  readonly seen = new Map<string, number>();

  private constructor(
    there: Served,
    folder: string,
    users: readonly User[],
    tokens: ReadonlyMap<string, string>,
    readers: Peer["readers"],
  ) {
    this.#there = there;
    this.#folder = folder;
    this.#users = users;
    this.#tokens = tokens;
    this.#readers = readers;
  }

  /** Makes users where the daemon wants tokens, and learns what it holds when nobody asks for anything. */
  static async of(there: Served, folder: string, scratch: string): Promise<ClientsScene> {
    const isSecure = there.daemon.ready.tls;
    const tokens = new Map<string, string>();
    for (const { name, access, isNobody } of isSecure ? USERS : []) {
      if (isNobody) continue;
      const [level] = Object.values(access);
      tokens.set(name, there.addToken(name, level, ...Object.keys(access)));
    }
    const readers = await Promise.all(["one", "another"].map((name) => {
      const state = join(scratch, `reader-${name}`);
      Deno.mkdirSync(state, { recursive: true });
      return ownCertificate(state, ["localhost"]);
    }));
    const users = isSecure ? USERS : [ANYBODY];
    const scene = new ClientsScene(there, folder, users, tokens, readers);
    await scene.play([]);
    scene.#before = await settled(there.daemon.pid);
    return scene;
  }

  /** Plays one sequence and judges what is left of it. */
  async play(sequence: Iterable<Step>): Promise<void> {
    this.#plant();
    const { ready, pid } = this.#there.daemon;
    const clients = new Map<User, RawClient>();
    const hangUp = () => {
      for (const client of clients.values()) client.close();
      clients.clear();
    };
    const peer: Peer = {
      users: this.#users,
      client: (user) => {
        const client = clients.get(user) ?? this.#connect(user);
        clients.set(user, client);
        return client;
      },
      hangUp,
      dataPort: ready.data_port,
      certificateSha256: await this.#certificateSha256(),
      readers: this.#readers,
      links: [],
      planted: new Map(Object.entries(PLANTED)),
    };
    const model = new Expected();
    try {
      await fc.asyncModelRun(() => ({ model, real: peer }), sequence);
    } finally {
      for (const link of peer.links) link.close();
      // Half of the sequences end in good order.
      if (model.sessions.length % 2 === 0) {
        await Promise.all(model.sessions.map(({ isLive, raw }) => isLive ? raw.close() : null));
      }
      hangUp();
      this.served += model.served;
      this.refused += model.refused;
      for (const [why, count] of model.seen) this.#saw(why, count);
    }
    await this.#serveNext();
    const before = this.#before;
    if (before) {
      await until(
        () => {
          const { descriptors, threads } = footprint(pid);
          return descriptors <= before.descriptors && threads <= before.threads;
        },
        SETTLE_MS,
        LOOK_MS,
      );
    }
    const { daemon } = this.#there;
    assert.deepEqual(daemon.errors(this.#logged), []);
    this.#logged = daemon.stderr.length;
    this.#judge(model);
  }

  /** Tokens that are too old open nothing, whatever way they come. */
  async useExpired(): Promise<void> {
    const { data_port } = this.#there.daemon.ready;
    const client = this.#connect(this.#users[0]);
    try {
      const { id: session, root } = await client.openRoot({ module: "m" });
      const { tokens } = await client.sessions.grant({ session, root, runId: 1n, streams: 4 });
      const { grant } = await client.sessions.grantRead({ session, path: nameToBytes("") });
      await sleep(TOKEN_IS_OVER_MS);
      const sha256 = await this.#certificateSha256();
      const tries = [
        () => dialRaw(data_port, preamble(tokens[0]), sha256),
        () => tunnelRaw(client, tokens[1]),
        () => client.open({ readGrant: grant }),
      ];
      for (const use of tries) {
        assert.equal(await use().then(() => "it was taken", kindOf), "unauthenticated");
      }
      this.#saw("token too old", 2);
      this.#saw("read grant too old", 1);
      await client.sessions.probe({ session, root });
    } finally {
      client.close();
    }
  }

  /** Logins with what is nobody's token are refused, one after the other, while somebody's goes on. */
  async forgeLogins(): Promise<void> {
    const { ready } = this.#there.daemon;
    const token = this.#tokens.get("owner")!;
    const middle = token.length >> 1;
    const forged = {
      cut: token.slice(0, middle),
      turned: token.slice(0, middle) + (token[middle] === "A" ? "B" : "A") +
        token.slice(middle + 1),
      longer: `${token}A`,
      empty: "",
      "a guess": "blit_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "a hash": altered(`e30.${token}.x`, "signed anew"),
    };
    const owner = this.#connect(this.#users[0]);
    try {
      for (const [how, text] of Object.entries(forged)) {
        const client = rawClient(ready, text);
        const kind = await client.open({ module: "m" }).then(() => "it was taken", kindOf);
        client.close();
        assert.equal(kind, "unauthenticated", how);
        this.#saw(`login ${how}`, 1);
        await (await owner.openRoot({ module: "m" })).close();
      }
    } finally {
      owner.close();
    }
  }

  #saw(why: string, count: number): void {
    this.seen.set(why, (this.seen.get(why) ?? 0) + count);
  }

  #connect({ name }: User): RawClient {
    return rawClient(this.#there.daemon.ready, this.#tokens.get(name) ?? null);
  }

  #sha256: Uint8Array | null = null;

  /** What streams show, as the daemon says. */
  async #certificateSha256(): Promise<Uint8Array | null> {
    if (!this.#there.daemon.ready.tls || this.#sha256) return this.#sha256;
    const client = this.#connect(this.#users[0]);
    const session = await client.open({ module: "m" });
    this.#sha256 = session.welcome.dataPlane!.certificateSha256;
    await session.close();
    client.close();
    return this.#sha256;
  }

  /** The next client gets what it asks for, and sees that no session is left. */
  async #serveNext(): Promise<void> {
    const client = this.#connect(this.#users[0]);
    try {
      const session = await client.openRoot({ module: "m" });
      await until(
        async () => {
          const { jobs } = await client.jobs.list({});
          return jobs.filter(({ state }) => state === "running").length === 1;
        },
        SETTLE_MS,
        LOOK_MS,
      );
      await session.close();
    } finally {
      client.close();
    }
  }

  #plant(): void {
    sh(`rm -rf "$0"/* "$0"/.blit-*`, this.#folder);
    for (const [path, text] of Object.entries(PLANTED)) {
      const whole = join(this.#folder, path);
      if (text === null) Deno.mkdirSync(whole);
      else Deno.writeTextFileSync(whole, text);
    }
    for (const [path, leadsTo] of Object.entries(PLANTED_LINKS)) {
      const to = leadsTo === "outside" ? join(this.#folder, "../outside") : leadsTo;
      Deno.symlinkSync(to, join(this.#folder, path));
    }
  }

  /** The module holds what the model says. */
  #judge(model: Expected): void {
    const found = new Map<string, string | null>();
    const visit = (prefix: string) => {
      for (const entry of Deno.readDirSync(join(this.#folder, prefix))) {
        const path = prefix + entry.name;
        const whole = join(this.#folder, path);
        if (entry.isDirectory) {
          found.set(path, null);
          visit(`${path}/`);
        } else if (entry.isSymlink) found.set(path, `-> ${Deno.readLinkSync(whole)}`);
        else found.set(path, entry.isFile ? Deno.readTextFileSync(whole) : "fifo");
      }
    };
    visit("");
    for (const path of Object.keys(PLANTED_LINKS)) found.delete(path);
    const must = new Map([...Object.entries(PLANTED), ...model.files]);
    for (const [path, text] of must) {
      assert.ok(found.has(path), `${path} is missing`);
      assert.equal(found.get(path), text, `content of ${path}`);
    }
    for (const [path, text] of found) {
      if (must.has(path)) continue;
      assert.ok(model.maybe.has(path), `${path} came from nowhere`);
      assert.equal(text, model.maybe.get(path), `content of ${path}`);
    }
  }
}
