/**
 * Steps on the data plane: tokens, and batches whose records are as the protocol has them, or not; see
 * `protocol_model.ts`.
 *
 * What a batch of altered records has to come to is judged by the receiver in TypeScript (`src/wire/`): the daemon's is
 * another implementation of the same rules.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { EntryBlock, Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { BatchBuilder, CopyAction, Op, Results } from "../../src/core/work_batch.ts";
import { digestOf } from "../../src/tree/blake3.ts";
import { ContentRules } from "../../src/wire/content_rules.ts";
import { RecordDecoder } from "../../src/wire/decoder.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { type Look, packEntry, packFile, packRange, readFile } from "../../src/wire/payload.ts";
import { RecordType, type WireRecord } from "../../src/wire/record.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";
import { BatchMutation, change, changed, lengthOf } from "./record_changes.ts";
import {
  type Expected,
  expectEnd,
  kindOf,
  type KnownToken,
  type Peer,
  type Step,
  step,
  whyLacking,
} from "./protocol_model.ts";
import { altered } from "./token_changes.ts";
import { dialRaw, preamble, tunnelRaw } from "./raw_stream.ts";

/** How long a daemon has to answer, or to hang up, on a machine that is busy: less than its own limit of silence. */
const HEAR_MS = 45_000;
const MIB = 1 << 20;

/** How a token differs from one that the daemon gave. */
const tokenChange = fc.oneof(
  { weight: 6, arbitrary: fc.constant("as it is" as const) },
  fc.constantFrom(
    ...["cut", "turned", "longer", "unsigned", "signed anew", "other claims", "empty"] as const,
    ...["used", "no magic", "half"] as const,
  ),
);
type TokenChange = typeof tokenChange extends fc.Arbitrary<infer T> ? T : never;

/** A token that no step has used, or one that some has. */
function tokenOf(model: Expected, nth: number, isUsed: boolean): KnownToken | null {
  const fitting = model.tokens.filter(({ isFresh }) => isFresh !== isUsed);
  return fitting.length === 0 ? null : fitting[nth % fitting.length];
}

/** What is wrong with a token: as kinds, and as it is counted. */
function wrongWith(token: KnownToken, how: TokenChange): { kinds: string[]; why: string } {
  if (how === "no magic" || how === "half") {
    return { kinds: ["hung up", "unauthenticated", "mismatch"], why: `stream with ${how}` };
  }
  if (how === "empty") return { kinds: ["unauthenticated", "hung up"], why: "token empty" };
  if (how === "used" || !token.isFresh) {
    return { kinds: ["unauthenticated"], why: "token used twice" };
  }
  if (how !== "as it is") return { kinds: ["unauthenticated"], why: `token ${how}` };
  if (!token.session.isLive) {
    return { kinds: ["unauthenticated"], why: "token of an ended session" };
  }
  return token.root.isOpen
    ? { kinds: [], why: "" }
    : { kinds: ["not_found"], why: "token of a closed root" };
}

/** Opens a stream with a token, as the model says that it must end. */
async function openLink(
  { model, peer }: { model: Expected; peer: Peer },
  token: KnownToken,
  { how, tunnel }: { readonly how: TokenChange; readonly tunnel: boolean },
): Promise<Duplex | null> {
  const text = altered(token.text, how);
  const { kinds, why } = wrongWith(token, how);
  // A used one is used up by the try, whatever becomes of it.
  if (how === "as it is" && token.session.isLive) token.isFresh = false;
  const beginning = how === "no magic"
    ? Buffer.from("GET / HTTP/1.1\r\n\r\n")
    : how === "half"
    ? preamble("").fill(0xff, 6, 8)
    : preamble(text);
  return await expectEnd(
    model,
    kinds,
    () =>
      tunnel && how !== "no magic" && how !== "half"
        ? tunnelRaw(peer.client(peer.users.at(-1)!), text)
        : dialRaw(peer.dataPort, beginning, peer.certificateSha256),
    [why],
  );
}

const dial = step(
  "dial",
  fc.record({ nth: fc.nat(20), how: tokenChange, tunnel: fc.boolean(), keep: fc.boolean() }),
  async ({ nth, how, tunnel, keep }, model, peer) => {
    const token = tokenOf(model, nth, how === "used");
    if (!token) return;
    const link = await openLink({ model, peer }, token, { how, tunnel });
    if (!link) return;
    if (keep) peer.links.push(link);
    else link.close();
  },
);

const dialAtOnce = step("dial twice at once", fc.nat(20), async (nth, model, peer) => {
  const token = tokenOf(model, nth, false);
  if (!token || wrongWith(token, "as it is").kinds.length > 0) return;
  token.isFresh = false;
  const dialled = await Promise.allSettled(
    [1, 2].map(() => dialRaw(peer.dataPort, preamble(token.text), peer.certificateSha256)),
  );
  const links = dialled.flatMap((tried) => tried.status === "fulfilled" ? tried.value : []);
  for (const link of links) link.close();
  assert.equal(links.length, 1, "a token opened as many streams");
  model.saw(["token used twice at once"]);
  model.refused++;
});

/** One item of a put. */
const item = fc.record({
  kind: fc.constantFrom("file", "file", "file", "large", "empty", "symlink", "fifo"),
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constant("") },
    fc.constantFrom("..", "../x", "/etc/x", "a/../b", "a\0b", "out/x", "up/x", "", ".", "a//b"),
  ),
});
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

interface Declared {
  readonly path: string;
  /** Content, target, or nothing. */
  readonly text: string;
  readonly isHostile: boolean;
  readonly records: readonly Uint8Array[];
}

async function declare(
  model: Expected,
  items: readonly Item[],
  { above, hasLinks }: { readonly above: number; readonly hasLinks: boolean },
): Promise<Declared[]> {
  const declared: Declared[] = [];
  for (const [i, { kind, name }] of items.entries()) {
    const isNew = name === "" || (!hasLinks && /^(out|up)\//.test(name));
    const path = isNew ? model.newName("put-") : name;
    const sizeBytes = kind === "large" ? MIB + 4321 : kind === "file" ? 20 + i : 0;
    const text = kind === "symlink" ? "nowhere" : String.fromCharCode(97 + i).repeat(sizeBytes);
    const isFile = kind !== "symlink" && kind !== "fifo";
    const look: Look = {
      sizeBytes: isFile ? sizeBytes : 0,
      mtimeNs: 1_700_000_000_000_000_000n,
      allocatedBytes: BigInt(sizeBytes),
      rdev: 0n,
      mode: 0o640,
      uid: 0,
      gid: 0,
      kind: isFile ? Kind.file : kind === "symlink" ? Kind.symlink : Kind.fifo,
    };
    const entry = { look, target: kind === "symlink" ? text : "", attributes: new Map() };
    const at = above + i;
    const content = isFile ? Buffer.from(text) : new Uint8Array(0);
    const records: Uint8Array[] = [];
    if (kind === "large") {
      records.push(packRecord(RecordType.entry, at, packEntry(entry)));
      for (let offset = 0; offset < sizeBytes; offset += MIB) {
        const piece = content.subarray(offset, offset + MIB);
        const range = { offset, content: piece, digest: await digestOf(piece) };
        records.push(packRecord(RecordType.range, at, packRange(range)));
      }
      records.push(packRecord(RecordType.done, at));
    } else {
      const digest = await digestOf(content);
      records.push(packRecord(RecordType.file, at, packFile({ ...entry, content, digest })));
    }
    declared.push({ path, text, isHostile: !isNew, records });
  }
  return declared;
}

/** What the rules say of a batch's records: how it ends, and which items are whole by then. */
interface Verdict {
  readonly end: "results" | "breach" | "waiting" | "unknown";
  /** What each of these holds, by item; what didn't come is a hole. */
  readonly whole: ReadonlyMap<number, string>;
}

async function judge(items: EntryBlock, bytes: Uint8Array): Promise<Verdict> {
  const rules = new ContentRules(items);
  const whole = new Map<number, string>();
  let isEnded = false;
  let isGood = true;
  let content = Buffer.alloc(0);
  try {
    for (const record of new RecordDecoder().push(bytes)) {
      if (record.type === RecordType.cancel || isEnded) return { end: "unknown", whole };
      const message = rules.accept(record);
      if (message.type === "end") isEnded = true;
      if (message.type === "entry") {
        isGood = message.entry.look.sizeBytes < 4 * MIB;
        content = Buffer.alloc(isGood ? message.entry.look.sizeBytes : 0);
      }
      if (message.type === "range") {
        const { offset, content: piece, digest } = message.range;
        isGood &&= Buffer.compare(await digestOf(piece), digest) === 0;
        if (isGood) content.set(piece, offset);
      }
      if (message.type === "done" && !message.changed && isGood) {
        whole.set(message.item, content.toString("latin1"));
      }
      if (message.type === "file") {
        const { content, digest, target, look } = message.file;
        const isRight = Buffer.compare(await digestOf(content), digest) === 0;
        const text = look.kind === Kind.file ? Buffer.from(content).toString("latin1") : target;
        if (isRight) whole.set(message.item, text);
      }
    }
  } catch (error) {
    assert.equal(kindOf(error), "mismatch");
    return { end: "breach", whole };
  }
  return { end: isEnded ? "results" : "waiting", whole };
}

/** What a daemon says until it gives results, or hangs up, or nothing comes. */
async function hear(
  link: Duplex,
  isLast: (record: WireRecord) => boolean,
): Promise<{ readonly records: WireRecord[]; readonly isOpen: boolean }> {
  const decoder = new RecordDecoder();
  const records: WireRecord[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TypeError("neither an answer nor an end")), HEAR_MS);
  });
  const chunks = link.receive()[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([
        chunks.next().catch(() => ({ done: true, value: undefined }) as const),
        late,
      ]);
      if (next.done) return { records, isOpen: false };
      for (const record of decoder.push(next.value)) {
        records.push(record);
        if (isLast(record)) return { records, isOpen: true };
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

const put = step(
  "put",
  fc.record({
    nth: fc.nat(20),
    tunnel: fc.boolean(),
    items: fc.array(item, { minLength: 1, maxLength: 4 }),
    inFolder: fc.boolean(),
    change,
    batch: fc.option(fc.constantFrom(...Object.values(BatchMutation)), { freq: 8 }),
  }),
  async ({ nth, tunnel, items, inFolder, change, batch: mutation }, model, peer) => {
    const token = tokenOf(model, nth, false);
    if (!token) return;
    const link = await openLink({ model, peer }, token, { how: "as it is", tunnel });
    if (!link) return;
    const above = inFolder ? 1 : 0;
    const folder = inFolder ? model.newName("folder-") : "";
    // Only the module's own root has the planted links.
    const hasLinks = !inFolder && token.root.path === "";
    const declared = await declare(model, items, { above, hasLinks });
    const builder = new BatchBuilder(Op.copy);
    const directory = { kind: Kind.directory, mode: 0o755, action: CopyAction.parentCreate };
    if (inFolder) builder.items.add({ ...directory, name: folder, parent: NO_PARENT });
    for (const [i, { path }] of declared.entries()) {
      const { kind } = items[i];
      builder.items.add({
        name: path,
        kind: kind === "symlink" ? Kind.symlink : kind === "fifo" ? Kind.fifo : Kind.file,
        parent: inFolder ? 0 : NO_PARENT,
        action: CopyAction.create,
      });
    }
    const packed = builder.finish();
    const request = mutation ? changed.batch(packed, mutation) : packed;
    const bytes = changed.records([
      ...declared.flatMap(({ records }) => records),
      packRecord(RecordType.end),
    ], change);
    const verdict = await judge(new EntryBlock(packed.slice(64)), bytes);
    const root = token.root.path;
    const place = (path: string) => [root, folder, path].filter((part) => part !== "").join("/");
    const isHostile = declared.some((one) => one.isHostile);
    const mayWrite = token.session.rights.includes("write");
    if (!mutation) {
      if (inFolder) model.maybe.set(place(""), null);
      for (const [i, one] of declared.entries()) {
        const text = verdict.whole.get(above + i) ?? (verdict.end === "unknown" ? one.text : null);
        if (!one.isHostile && text !== null && mayWrite) {
          model.maybe.set(place(one.path), shown(items[i], text));
        }
      }
    }
    try {
      const hearing = hear(link, ({ type }) => type === RecordType.results);
      hearing.catch(() => {});
      await link.send(packRecord(RecordType.put, 0, request));
      await link.send(bytes);
      const isFair = !isHostile && !mutation && mayWrite;
      if (verdict.end === "unknown" || verdict.end === "waiting") {
        // Nobody waits for more than a moment: then the stream breaks in the middle.
        await new Promise((resolve) => setTimeout(resolve, 3));
        return;
      }
      const { records, isOpen } = await hearing;
      const answer = records.find(({ type }) => type === RecordType.results);
      if (verdict.end === "breach") {
        assert.ok(!isOpen && !answer, "the daemon gave results of what breaks the rules");
        return void model.refused++;
      }
      if (!mayWrite) model.saw([whyLacking(token.session, "write")]);
      if (!isFair) {
        if (!answer) return void model.refused++;
        const results = new Results(answer.payload);
        for (const [i, one] of declared.entries()) {
          const refused = one.isHostile || !mayWrite;
          if (!mutation && refused) assert.notEqual(results.status(above + i), 0, one.path);
        }
        return void model.refused++;
      }
      assert.ok(answer, "no results came of a batch that keeps to the rules");
      const results = new Results(answer.payload);
      for (const [i, one] of declared.entries()) {
        const status = results.status(above + i);
        assert.notEqual(status, 1, "an item ended as a bug");
        assert.equal(status === 0, verdict.whole.has(above + i), `item ${i} ended with ${status}`);
        const text = verdict.whole.get(above + i);
        if (text !== undefined) model.files.set(place(one.path), shown(items[i], text));
      }
      model.served++;
    } finally {
      link.close();
    }
  },
);

/** What a file holds, where a link leads; nothing of a FIFO. */
function shown({ kind }: Item, text: string): string {
  return kind === "symlink" ? `-> ${text}` : kind === "fifo" ? "fifo" : text;
}

const get = step(
  "get",
  fc.record({
    nth: fc.nat(20),
    tunnel: fc.boolean(),
    names: fc.array(
      fc.constantFrom(
        "f",
        "d/g",
        "f",
        "..",
        "/etc/hostname",
        "out/f0",
        "up/f0",
        "d/link/f0",
        "f\0",
      ),
      { minLength: 1, maxLength: 4 },
    ),
    change,
    with: fc.option(fc.constantFrom(...Object.values(BatchMutation)), { freq: 8 }),
  }),
  async ({ nth, tunnel, names, change, with: mutation }, model, peer) => {
    const token = tokenOf(model, nth, false);
    if (!token) return;
    const link = await openLink({ model, peer }, token, { how: "as it is", tunnel });
    if (!link) return;
    const builder = new BatchBuilder(Op.copy);
    for (const name of names) {
      builder.items.add({ name, kind: Kind.file, parent: NO_PARENT, sizeBytes: 6 });
    }
    const request = builder.finish();
    const bytes = changed.records([
      packRecord(RecordType.get, 0, mutation ? changed.batch(request, mutation) : request),
    ], change);
    try {
      const hearing = hear(link, ({ type }) => type === RecordType.end);
      hearing.catch(() => {});
      await link.send(bytes);
      if (lengthOf([bytes]) < request.length || change.kind !== "none") {
        await new Promise((resolve) => setTimeout(resolve, 3));
        return void model.refused++;
      }
      const { records } = await hearing;
      for (const record of records) {
        if (record.type !== RecordType.file) continue;
        assert.equal(mutation, null, "a batch without sense was answered with content");
        const name = names[record.item];
        const text = new TextDecoder().decode(readFile(record.payload).content);
        const path: string = token.root.path === "" ? name : `${token.root.path}/${name}`;
        assert.equal(text, peer.planted.get(path) ?? model.files.get(path), `content of ${name}`);
      }
      if (names.every((name) => name === "f") && token.root.path === "" && !mutation) {
        const files = records.filter(({ type }) => type === RecordType.file);
        assert.equal(files.length, names.length, "content didn't come");
        model.served++;
      } else model.refused++;
    } finally {
      link.close();
    }
  },
);

const bytesOfAnyKind = step(
  "bytes",
  fc.record({ nth: fc.nat(20), tunnel: fc.boolean(), bytes: fc.uint8Array({ maxLength: 300 }) }),
  async ({ nth, tunnel, bytes }, model, peer) => {
    const token = tokenOf(model, nth, false);
    if (!token) return;
    const link = await openLink({ model, peer }, token, { how: "as it is", tunnel });
    if (!link) return;
    await link.send(bytes);
    peer.links.push(link);
  },
);

/** Every step of the data plane, with the ones of this direction more often. */
export function streamSteps(direction: "put" | "get"): readonly fc.Arbitrary<Step>[] {
  const often = direction === "put" ? put : get;
  return [dial, dial, dialAtOnce, put, get, often, often, often, bytesOfAnyKind];
}
