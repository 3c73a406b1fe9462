/**
 * A daemon that lies: it passes every call on to an honest one, and changes what that answers, as it is told.
 *
 * @module
 */
import { createServer, type ServerHttp2Session } from "node:http2";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import fc from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { concatBytes } from "../../src/core/bytes.ts";
import { EntryBlock, EntryBlockWriter } from "../../src/core/entry_block.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { Sessions } from "../../src/gen/blit/v1/session_pb.ts";
import { destroyLater } from "../../src/rpc/destroy_later.ts";
import { KIND_METADATA } from "../../src/rpc/errors.ts";
import { RESULT_BYTES } from "../../src/core/work_batch.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { packFail } from "../../src/wire/payload.ts";
import { RecordType } from "../../src/wire/record.ts";
import { rawClient } from "../remote/daemon_support.ts";
import { type Change, change, changed } from "./record_changes.ts";

/** What a lie is about. */
export type LieAbout = "welcome" | "block" | "call" | "record" | "answer";

/** One lie: the `nth` chance to tell it is taken. */
export interface Lie {
  readonly about: LieAbout;
  readonly nth: number;
  /** Which one, of those about this. */
  readonly which: number;
  /** What is done to a record. */
  readonly change: Change;
}

/** Lies about everything. */
export const lie: fc.Arbitrary<Lie> = fc.record({
  about: fc.constantFrom(
    "welcome",
    "block",
    "block",
    "block",
    "call",
    "record",
    "record",
    "answer",
  ),
  nth: fc.nat(5),
  which: fc.nat(200),
  change: change.filter(({ kind }) => kind !== "none"),
});

/** Names that no daemon may give. `canary` lies beside the destination. */
const NAMES = [
  ...["..", ".", "", "/", "a/b", "../evil", "../../evil", "/tmp/blit-evil", "evil\0x", "f1\0"],
  ...["../canary", "d/../../evil", "x".repeat(256), "x".repeat(5000), ".blit-0-1"],
  ".blit-00000000000000ff-1",
];
const PATHS = ["..", "../other", "/etc", "nobody/asked", "d\0", "d00000/../.."];
const KINDS = [
  "no_space",
  "busy",
  "nonsense",
  "cancelled",
  "__proto__",
  "permission",
  "escaped",
  "bug",
  "usage",
  "",
];
/** Codes of Connect. */
const CODES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/** Statuses of results: `bug`, `usage`, `escaped`, `cancelled`, one of another version. */
const STATUSES = [1, 2, 12, 14, 999];
const RECORD_HEADER = 16;
const WORDS = "\x1b[31mno\x07\n    at file:///x.ts:1:1";

/** Serves lies until closed. */
export class LyingDaemon {
  #port = 0;
  /** Lies that are told from now on. */
  #lies: readonly Lie[] = [];
  #chances = new Map<LieAbout, number>();
  /** How many were told. */
  told = 0;
  /** A status that every entry's content is claimed to have failed with; null: none. */
  claimedStatus: number | null = null;
  /** A kind that every call on the session's roots is claimed to have failed with; null: none. */
  claimedKind: string | null = null;
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor() {}

  /** Where clients reach it. */
  get port(): number {
    return this.#port;
  }

  /** Serves in front of a daemon that is honest. */
  static async before(honest: {
    readonly port: number;
    readonly data_port: number;
    readonly tls: boolean;
  }): Promise<LyingDaemon> {
    const behind = rawClient(honest, null);
    const lying = new LyingDaemon();
    const relay = createTcpServer((near) => lying.#relay(near, honest.data_port));
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const dataPort = (relay.address() as { port: number }).port;
    const server = createServer(connectNodeAdapter({
      routes: (router) => {
        const { sessions } = behind;
        router.service(Sessions, {
          open: (requests, { signal }) =>
            lying.#open(sessions.open(requests, { signal }), dataPort),
          openRoot: (request) => lying.#call(() => sessions.openRoot(request)),
          closeRoot: (request) => lying.#call(() => sessions.closeRoot(request)),
          probe: (request) => lying.#call(() => sessions.probe(request)),
          stat: (request) =>
            lying.#call(async () => {
              const answer = await sessions.stat(request);
              return { ...answer, block: lying.#block(answer.block) };
            }),
          list: (requests, { signal }) => lying.#list(sessions.list(requests, { signal })),
          run: (request) =>
            lying.#call(async () => {
              const answer = await sessions.run(request);
              return { ...answer, results: lying.#results(answer.results) };
            }),
          read: (request, { signal }) => sessions.read(request, { signal }),
          xattrs: (request) => lying.#call(() => sessions.xattrs(request)),
          grant: (request) =>
            lying.#call(async () => {
              const answer = await sessions.grant(request);
              const which = lying.#chance("answer")?.which;
              return which === undefined ? answer : { ...answer, tokens: badTokens(which) };
            }),
          tunnel: (requests, { signal }) => lying.#tunnel(sessions.tunnel(requests, { signal })),
        });
      },
    }));
    server.on("sessionError", () => {});
    server.on("session", (session: ServerHttp2Session) => {
      destroyLater(session);
      session.on("error", () => {});
      lying.#sessions.add(session);
      session.once("close", () => lying.#sessions.delete(session));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    lying.#port = (server.address() as { port: number }).port;
    lying.#closers.push(
      () => behind.close(),
      () => new Promise((resolve) => relay.close(() => resolve())),
      () => new Promise((resolve) => setTimeout(() => server.close(() => resolve()), 0)),
    );
    return lying;
  }

  /** Tells these from now on. */
  tell(lies: readonly Lie[]): void {
    this.#lies = lies;
    this.#chances = new Map();
    this.told = 0;
  }

  async close(): Promise<void> {
    this.#hangUp();
    for (const close of this.#closers) await close();
  }

  #hangUp(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** The lie that is due, where one is. */
  #chance(about: LieAbout): Lie | undefined {
    const nth = this.#chances.get(about) ?? 0;
    this.#chances.set(about, nth + 1);
    const due = this.#lies.find((lie) => lie.about === about && lie.nth === nth);
    if (due) this.told++;
    return due;
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.claimedKind !== null) {
      throw new ConnectError(WORDS, CODES[0], { [KIND_METADATA]: this.claimedKind });
    }
    const due = this.#chance("call");
    if (due) this.#fail(due.which);
    return await call();
  }

  /** Fails a call in one of several ways. */
  #fail(which: number): void {
    if (which % 8 === 0) this.#hangUp();
    const kind = KINDS[which % KINDS.length];
    throw new ConnectError(
      WORDS,
      CODES[which % CODES.length],
      kind === "" ? {} : { [KIND_METADATA]: kind },
    );
  }

  async *#open(
    answers: AsyncIterable<{ message: unknown }>,
    dataPort: number,
    // deno-lint-ignore no-explicit-any
  ): AsyncGenerator<any> {
    for await (const answer of answers) {
      // deno-lint-ignore no-explicit-any
      const { case: name, value } = answer.message as { case: string; value: any };
      if (name !== "welcome") {
        yield answer;
        continue;
      }
      const welcome = { ...value, dataPlane: { ...value.dataPlane, port: dataPort } };
      const which = this.#chance("welcome")?.which;
      const goodbye = { message: { case: "closing", value: { kind: "busy", message: WORDS } } };
      const liar: readonly (() => unknown)[] = [
        () => ({ ...welcome, version: { major: 2, minor: 0 } }),
        () => ({ ...welcome, session: "" }),
        () => ({ ...welcome, session: "x".repeat(100_000) }),
        () => ({ ...welcome, rights: [] }),
        () => ({ ...welcome, dataPlane: { port: 1, maxStreams: 4 } }),
        () => ({ ...welcome, dataPlane: { port: 70_000, maxStreams: 1 << 30 } }),
        () => ({ ...welcome, dataPlane: { port: dataPort, maxStreams: 0 } }),
        () => ({
          ...welcome,
          dataPlane: { port: dataPort, certificateSha256: new Uint8Array(5), maxStreams: 2 },
        }),
        () => ({ ...welcome, there: new Uint8Array([1, 2, 3]) }),
        () => ({ ...welcome, there: this.#altered(welcome.there, which ?? 0) }),
        () => ({ ...welcome, begun: undefined }),
        () => ({ ...welcome, begun: { ...value.begun, tokens: badTokens(which ?? 0) } }),
        () => ({ ...welcome, begun: { root: { root: 4_000_000 }, tokens: [] } }),
        () => ({ ...welcome, capabilities: Array.from({ length: 5000 }, (_, i) => `c${i}`) }),
        () => ({ ...welcome, nowNs: -(1n << 63n), instance: WORDS, agent: WORDS, motd: WORDS }),
      ];
      if (which === undefined) yield { message: { case: name, value: welcome } };
      else if (which % 17 === 15) yield goodbye;
      else if (which % 17 === 16) {
        yield { message: { case: name, value: welcome } };
        await new Promise((resolve) => setTimeout(resolve, which));
        yield goodbye;
        return;
      } else yield { message: { case: name, value: liar[which % 17]() } };
    }
  }

  // deno-lint-ignore no-explicit-any
  async *#list(answers: AsyncIterable<{ blocks: any[] }>): AsyncGenerator<any> {
    for await (const { blocks } of answers) {
      const due = this.#chance("answer");
      if (due && due.which % 5 === 0) this.#fail(due.which);
      if (due && due.which % 5 === 1) return;
      const told = blocks.map((one) => ({ ...one, block: this.#block(one.block) }));
      if (due && due.which % 5 === 2) told[0].path = nameToBytes(PATHS[due.which % PATHS.length]);
      if (due && due.which % 5 === 3) told.push(told[0]);
      if (due && due.which % 5 === 4) told[0].ahead = !told[0].ahead;
      yield { blocks: told };
    }
  }

  // deno-lint-ignore no-explicit-any
  async *#tunnel(answers: AsyncIterable<any>): AsyncGenerator<any> {
    const meddle = this.#records();
    for await (const { data, creditBytes } of answers) {
      const changedData = meddle(data);
      if (changedData === null) return;
      yield { data: changedData, creditBytes };
    }
  }

  #relay(near: Socket, port: number): void {
    const far = connect(port, "127.0.0.1");
    const meddle = this.#records();
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.on("data", (bytes: Uint8Array) => {
        const passed = from === near ? bytes : meddle(Uint8Array.from(bytes));
        if (passed === null) return void near.destroy();
        if (!to.destroyed) to.write(passed);
      });
    }
  }

  /** Changes records of the daemon's; null: hang up. The preamble's answer is the first 8 bytes. */
  #records(): (bytes: Uint8Array) => Uint8Array | null {
    let held = new Uint8Array(0);
    let isAnswered = false;
    let isCut = false;
    return (bytes) => {
      if (isCut) return null;
      held = concatBytes([held, bytes]) as Uint8Array<ArrayBuffer>;
      const out: Uint8Array[] = [];
      if (!isAnswered && held.length >= 8) {
        isAnswered = true;
        const answer = held.slice(0, 8);
        held = held.slice(8);
        const due = this.#chance("answer");
        if (due) answer[due.which % 8] ^= 1 + due.which % 255;
        out.push(answer);
      }
      while (isAnswered && held.length >= 16) {
        const length = 16 +
          Number(new DataView(held.buffer, held.byteOffset).getBigUint64(8, true));
        if (held.length < length) break;
        const record = this.#claimed(held.slice(0, length));
        held = held.slice(length);
        const due = this.#chance("record");
        out.push(due ? changed.records([record], due.change) : record);
        isCut ||= due?.change.kind === "cut";
      }
      return concatBytes(out);
    };
  }

  /** A record that tells of content, or of what became of it: as a failure. */
  #claimed(record: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.claimedStatus === null) return record;
    const view = new DataView(record.buffer);
    if (record[0] === RecordType.file) {
      const failed = packFail({ status: this.claimedStatus, os: 0, step: 0 });
      return packRecord(RecordType.fail, view.getUint32(4, true), failed).slice();
    }
    if (record[0] === RecordType.results) {
      for (let at = RECORD_HEADER; at < record.length; at += RESULT_BYTES) {
        view.setUint32(at, this.claimedStatus, true);
      }
    }
    return record;
  }

  #block(bytes: Uint8Array): Uint8Array {
    const due = this.#chance("block");
    return due ? this.#altered(bytes, due.which) : bytes;
  }

  /** A listing with one lie in it. */
  #altered(bytes: Uint8Array, which: number): Uint8Array {
    const block = new EntryBlock(Uint8Array.from(bytes));
    const at = block.count === 0 ? 0 : which % block.count;
    const written = (name?: string) => {
      const writer = new EntryBlockWriter(block.count + 2);
      for (let i = 0; i < block.count; i++) {
        writer.copy(block, i, i === at && name !== undefined ? nameToBytes(name) : undefined);
      }
      const packed = writer.finish();
      packed[1] = bytes[1];
      return packed;
    };
    if (which % 2 === 0) return written(NAMES[(which >> 1) % NAMES.length]);
    const packed = written();
    const view = new DataView(packed.buffer);
    const record = 32 + 96 * at;
    const how = (which >> 1) % 12;
    if (how === 0) return packed.subarray(0, packed.length - 1 - which % packed.length);
    if (how === 1) view.setUint32(4, 0x7fffffff, true);
    else if (how === 2) view.setUint32(12, 10, true);
    else if (how === 3) packed[1] ^= 2;
    else if (block.count === 0) packed[0] = 7;
    else if (how === 4) view.setBigUint64(record, (1n << 64n) - 1n, true);
    else if (how === 5) view.setBigUint64(record, BigInt(which) << 21n, true);
    else if (how === 6) view.setBigInt64(record + 8, -(1n << 63n), true);
    else if (how === 7) packed[record + 84] = which % 9;
    else if (how === 8) view.setUint32(record + 68, 0xffffffff, true);
    else if (how === 9) view.setUint32(record + 88, 4, true);
    else if (how === 10) view.setUint32(record + 56, 0xfffffff0, true);
    else view.setUint32(record + 80, 0x7fffffff, true);
    return packed;
  }

  #results(bytes: Uint8Array): Uint8Array {
    const due = this.#chance("answer");
    if (!due) return bytes;
    const told = bytes.slice();
    const how = due.which % 5;
    if (how === 0) return told.subarray(0, Math.max(0, told.length - 64));
    if (how === 1) return concatBytes([told, new Uint8Array(64)]);
    if (how === 2) return told.subarray(0, Math.max(0, told.length - 1));
    const status = STATUSES[Math.floor(due.which / 5) % STATUSES.length];
    if (told.length >= 64) new DataView(told.buffer).setUint32(0, how === 3 ? status : 5, true);
    return told;
  }
}

function badTokens(which: number): string[] {
  return [[], [""], ["x".repeat(1016)], ["x".repeat(5000)], ["\0"], ["\u{1f600}".repeat(9)]][
    which % 6
  ];
}
