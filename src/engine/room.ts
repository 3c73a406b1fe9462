/**
 * Room: whether what is planned to be copied fits on the destination; says so once where it doesn't, long before the
 * disk is full.
 *
 * @module
 */
import { formatBytes, formatCount } from "../core/units.ts";
import type { Tally } from "./tally.ts";
import type { FsFacts } from "./tree.ts";

/** File systems on which a copy from themselves takes no room. */
const SHARING = new Set(["btrfs", "xfs", "bcachefs", "ocfs2"]);

/** Sums up what a run's copies take. */
export class Room {
  readonly #tally: Tally;
  readonly #facts: FsFacts;
  readonly #place: string;
  #bytes: number;
  #entries: number;

  /**
   * @param place the destination for messages
   * @param isNeeded false where nothing is to be written, now or by the run that this one tries
   */
  constructor(
    tally: Tally,
    source: FsFacts,
    destination: FsFacts,
    place: string,
    isNeeded = true,
  ) {
    this.#tally = tally;
    this.#facts = destination;
    this.#place = place;
    const shares = source.device === destination.device && SHARING.has(destination.type);
    // What has no size doesn't count: some file systems over FUSE.
    const isCounted = destination.totalBytes > 0;
    this.#bytes = !isNeeded || shares || !isCounted ? Infinity : destination.freeBytes;
    // Where inodes are made as they are needed, none are counted.
    this.#entries = !isNeeded || destination.freeInodes === 0 ? Infinity : destination.freeInodes;
  }

  /**
   * Takes room for one entry.
   *
   * @param bytes what it takes on the source's disk
   * @param replaced what the entry in its place takes, which is freed once the new one is whole; null where nothing is there
   */
  take(bytes: number, replaced: number | null): void {
    if (bytes > this.#bytes) {
      this.#warn(
        `has ${formatBytes(this.#facts.freeBytes)} free, and what is to be copied needs more`,
      );
      this.#bytes = Infinity;
    }
    this.#bytes += (replaced ?? 0) - bytes;
    if (replaced === null && --this.#entries < 0) {
      const free = formatCount(this.#facts.freeInodes);
      this.#warn(`has free inodes for ${free} entries, and more are to be made`);
      this.#entries = Infinity;
    }
  }

  #warn(what: string): void {
    this.#tally.warn(
      `Not everything will fit: "${this.#place}" ${what}. Make room there, or the run fails once it is full.`,
    );
  }
}
