/**
 * LinkTable: the hardlink groups whose names haven't all been seen yet, by device and inode, in flat
 * memory with a fixed limit.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";
import { bytesToName, nameToBytes } from "../core/rel_path.ts";

/** What is known of a group's first name at the destination. */
export const GroupState = {
  /** Its copy is under way, or its content is being compared. */
  pending: 0,
  /** It is there and right: other names can be linked to it. */
  ready: 1,
  /** It could not be copied: the next name takes its place. */
  failed: 2,
} as const;

const EMPTY = 0, USED = 1, GONE = 2;

/** Open-addressed table; a slot number stays valid until its group is dropped. */
export class LinkTable {
  /** Groups it holds at most; beyond that the caller must wait for another pass. */
  readonly capacity: number;
  readonly #slots: number;
  readonly #use: Uint8Array;
  readonly #state: Uint8Array;
  readonly #key: BigUint64Array;
  readonly #device: Uint32Array;
  readonly #left: Uint32Array;
  readonly #destination: BigUint64Array;
  readonly #path: (RelPath | null)[];
  readonly #devices = new Map<bigint, number>();
  #count = 0;
  #filled = 0;

  /** @param slots size of the table, a power of two; half of it can be used */
  constructor(slots = 1 << 18) {
    this.#slots = slots;
    this.capacity = slots >> 1;
    this.#use = new Uint8Array(slots);
    this.#state = new Uint8Array(slots);
    this.#key = new BigUint64Array(slots);
    this.#device = new Uint32Array(slots);
    this.#left = new Uint32Array(slots);
    this.#destination = new BigUint64Array(slots);
    this.#path = [];
  }

  get full(): boolean {
    return this.#count >= this.capacity || this.#filled >= this.#slots - (this.#slots >> 2);
  }

  /** Slot of a group, or -1. */
  find(device: bigint, inode: bigint): number {
    const index = this.#devices.get(device);
    if (index === undefined) return -1;
    for (let slot = this.#hash(inode, index);; slot = (slot + 1) & (this.#slots - 1)) {
      if (this.#use[slot] === EMPTY) return -1;
      if (
        this.#use[slot] === USED && this.#key[slot] === inode && this.#device[slot] === index
      ) return slot;
    }
  }

  /** Adds a group at its first name; the caller has checked {@link LinkTable.full}. */
  add(device: bigint, inode: bigint, path: RelPath, linkCount: number): number {
    let index = this.#devices.get(device);
    if (index === undefined) this.#devices.set(device, index = this.#devices.size);
    let slot = this.#hash(inode, index);
    while (this.#use[slot] === USED) slot = (slot + 1) & (this.#slots - 1);
    if (this.#use[slot] === EMPTY) this.#filled++;
    this.#use[slot] = USED;
    this.#state[slot] = GroupState.pending;
    this.#key[slot] = inode;
    this.#device[slot] = index;
    this.#left[slot] = linkCount - 1;
    this.#destination[slot] = 0n;
    this.#path[slot] = flat(path);
    this.#count++;
    return slot;
  }

  state(slot: number): number {
    return this.#state[slot];
  }
  setState(slot: number, state: number, destinationInode = 0n): void {
    this.#state[slot] = state;
    this.#destination[slot] = destinationInode;
  }
  destinationInode(slot: number): bigint {
    return this.#destination[slot];
  }
  path(slot: number): RelPath {
    return this.#path[slot]!;
  }
  /** Another name takes the first one's place. */
  setPath(slot: number, path: RelPath): void {
    this.#path[slot] = flat(path);
  }

  /** Counts one more name as seen; true where it was the last. */
  seen(slot: number): boolean {
    if (this.#left[slot] > 0) this.#left[slot]--;
    return this.#left[slot] === 0;
  }

  /** Forgets a group that nothing will ask for again. */
  drop(slot: number): void {
    this.#use[slot] = GONE;
    this.#path[slot] = null;
    this.#count--;
    if (this.#count === 0) this.clear();
  }

  clear(): void {
    this.#use.fill(EMPTY);
    this.#path.length = 0;
    this.#count = 0;
    this.#filled = 0;
  }

  #hash(inode: bigint, device: number): number {
    const mixed = Math.imul(Number(inode & 0xffffffffn) ^ Number(inode >> 32n), 0x9e3779b1) ^
      Math.imul(device + 1, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (this.#slots - 1);
  }
}

/** A string of its own: a joined one would keep its parts, and the listing that they were cut from. */
function flat(path: RelPath): RelPath {
  return bytesToName(nameToBytes(path));
}
