/**
 * An {@link EntrySink} that sends what it gets: the way of a tree without native code into a stream of
 * records (docs/protocol.md).
 *
 * @module
 */
import type { EntryFields } from "../core/entry_block.ts";
import { concatBytes } from "../core/bytes.ts";
import { CopyAction } from "../core/work_batch.ts";
import { type Attributes, packedLength } from "../wire/attributes.ts";
import { packRecord } from "../wire/encoder.ts";
import { type Look, packEntry, packFile, packRange } from "../wire/payload.ts";
import {
  ATTRIBUTES_LEFT_OUT,
  ATTRIBUTES_MOST,
  CONTENT_MOST,
  DONE_CHANGED,
  FILE_READ_AGAIN,
  RecordType,
} from "../wire/record.ts";
import { digestOf } from "./blake3.ts";
import type { EntrySink, FileSink, NewEntry, Written } from "./content_sink.ts";
import { hasHoles, spansOf } from "./holes.ts";
import { HeldPieces, type HeldSource } from "./held_pieces.ts";

/** Where a {@link WireSink} sends. */
export interface RecordOutlet extends HeldSource {
  /** Resolves when it is this item's turn. @throws {BlitError} where the other side wants none of it */
  turn(item: number): Promise<void>;
  /**
   * Sends a record of the item whose turn it is.
   *
   * @throws {BlitError} `cancelled`, `disconnected`, and what the other side says where it wants no more of it
   */
  send(item: number, record: Uint8Array): Promise<void>;
}

const NOTHING = new Uint8Array(0);

/** See the module's comment. Nobody knows here what was made: that is in the other side's results. */
export class WireSink implements EntrySink {
  readonly #outlet: RecordOutlet;

  constructor(outlet: RecordOutlet) {
    this.#outlet = outlet;
  }

  async file(entry: NewEntry): Promise<FileSink> {
    const file = new WireFile(this.#outlet);
    await file.begin(entry);
    return file;
  }

  async node(entry: NewEntry): Promise<Written> {
    await sendWhole(this.#outlet, entry, fitting(entry), NOTHING, 0);
    return SENT;
  }
}

/** One file. A small one is kept until it was read as a whole, a large one goes as it comes. */
class WireFile implements FileSink {
  readonly #outlet: RecordOutlet;
  #entry!: NewEntry;
  #attributes: Fitting = { attributes: new Map(), flags: 0 };
  #isAgain = false;
  /** Content of a small file. */
  #pieces: Uint8Array[] = [];
  /** Its `entry` was sent. */
  #isOpen = false;
  /** Where the next piece belongs. */
  #at = 0;
  /** What the other side may have already, as long as it is compared. */
  #held: HeldPieces | null = null;

  constructor(outlet: RecordOutlet) {
    this.#outlet = outlet;
  }

  async begin(entry: NewEntry): Promise<void> {
    this.#entry = entry;
    this.#attributes = fitting(entry);
    this.#at = 0;
    this.#pieces = [];
    const { item, action, fields } = entry;
    if ((fields.sizeBytes ?? 0) <= CONTENT_MOST) return;
    await this.#outlet.turn(item);
    const payload = packEntry({
      look: lookOf(fields),
      target: "",
      attributes: this.#attributes.attributes,
    });
    const record = packRecord(RecordType.entry, item, payload, this.#attributes.flags);
    await this.#outlet.send(item, record);
    this.#isOpen = true;
    if (action === CopyAction.resume && !this.#isAgain) {
      this.#held = new HeldPieces(this.#outlet, item);
    }
  }

  async write(piece: Uint8Array): Promise<void> {
    if (!this.#isOpen) {
      this.#pieces.push(piece.slice());
      return;
    }
    if (this.#held) {
      const state = await this.#held.take(piece);
      if (state === "same") return;
      await this.#goOn();
      return;
    }
    await this.#send(piece);
  }

  async skip(lengthBytes: number): Promise<void> {
    if (this.#isOpen && !this.#held) this.#at += lengthBytes;
    else await this.write(new Uint8Array(lengthBytes));
  }

  async restart(entry: NewEntry): Promise<void> {
    if (this.#isOpen) {
      const { item } = this.#entry;
      const record = packRecord(RecordType.done, item, NOTHING, DONE_CHANGED);
      await this.#outlet.send(item, record);
    }
    this.#isOpen = false;
    this.#held = null;
    this.#isAgain = true;
    await this.begin(entry);
  }

  async commit(): Promise<Written> {
    const { item } = this.#entry;
    if (this.#isOpen) {
      if (this.#held) await this.#goOn();
      await this.#outlet.send(item, packRecord(RecordType.done, item));
    } else {
      const flags = this.#isAgain ? FILE_READ_AGAIN : 0;
      const content = concatBytes(this.#pieces);
      await sendWhole(this.#outlet, this.#entry, this.#attributes, content, flags);
    }
    return SENT;
  }

  // The `fail` that concludes the item says it all.
  abandon(): Promise<void> {
    return Promise.resolve();
  }

  /** Says how much of what the other side holds is right, and sends what was read beyond it. */
  async #goOn(): Promise<void> {
    const { rightBytes, rest } = this.#held!;
    this.#held = null;
    this.#at = rightBytes;
    const { item } = this.#entry;
    const digest = await digestOf(NOTHING);
    const payload = packRange({ offset: rightBytes, content: NOTHING, digest });
    await this.#outlet.send(item, packRecord(RecordType.range, item, payload));
    for (const piece of rest) await this.#send(piece);
  }

  async #send(piece: Uint8Array): Promise<void> {
    const spans = hasHoles(this.#entry.fields) ? spansOf(piece) : [{ bytes: piece, isHole: false }];
    const { item } = this.#entry;
    for (const { bytes, isHole } of spans) {
      for (let at = 0; !isHole && at < bytes.length; at += CONTENT_MOST) {
        const content = bytes.subarray(at, at + CONTENT_MOST);
        const offset = this.#at + at;
        const payload = packRange({ offset, content, digest: await digestOf(content) });
        await this.#outlet.send(item, packRecord(RecordType.range, item, payload));
      }
      this.#at += bytes.length;
    }
  }
}

async function sendWhole(
  outlet: RecordOutlet,
  { item, fields }: NewEntry,
  { attributes, flags: leftOut }: Fitting,
  content: Uint8Array,
  flags: number,
): Promise<void> {
  const digest = await digestOf(content);
  const look = lookOf(fields);
  const payload = packFile({ look, target: fields.target ?? "", attributes, content, digest });
  await outlet.turn(item);
  await outlet.send(item, packRecord(RecordType.file, item, payload, flags | leftOut));
}

/** The attributes that fit into a record, and its flag where some don't. */
interface Fitting {
  readonly attributes: Attributes;
  readonly flags: number;
}

function fitting({ xattrs }: NewEntry): Fitting {
  const all = xattrs ?? new Map<string, Uint8Array>();
  if (packedLength(all) <= ATTRIBUTES_MOST) return { attributes: all, flags: 0 };
  const some = new Map<string, Uint8Array>();
  let length = 0;
  for (const pair of all) {
    const more = packedLength(new Map([pair]));
    if (length + more > ATTRIBUTES_MOST) continue;
    length += more;
    some.set(...pair);
  }
  return { attributes: some, flags: ATTRIBUTES_LEFT_OUT };
}

function lookOf(fields: EntryFields): Look {
  const { sizeBytes = 0, allocatedBytes = 0, mtimeNs = 0n, rdev = 0n, kind } = fields;
  const { mode = 0, uid = 0, gid = 0 } = fields;
  return {
    sizeBytes,
    mtimeNs,
    allocatedBytes: BigInt(allocatedBytes),
    rdev,
    mode,
    uid,
    gid,
    kind,
  };
}

/** What is known here of an entry that was sent. */
const SENT: Written = { inode: 0n, ctimeNs: 0n, mtimeNs: 0n, flags: 0 };
