/**
 * A train of batches: small ones that run on a daemon one after the other, in as few calls as they fit in.
 *
 * @module
 */
import { BatchFlag, Op, type Results, ResultsWriter, type WorkBatch } from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import { metaParts } from "../tree/local_xattrs.ts";
import { resultsFromPeer } from "./peer_data.ts";

/** Batches and bytes of one call, as docs/protocol.md has them. */
const MOST_BATCHES = 17, MOST_BYTES = 4 << 20;

/** How the batches get to the daemon. */
export interface TrainTrack {
  /** Where attributes of `meta` batches come from; null where the daemon reads them itself. */
  readonly attributes: Tree | null;
  /** Entries whose attributes are asked for at a time. */
  readonly parallel: number;
  /** The daemon, as a person would write it. */
  readonly host: string;
  /** Makes one call; the answer has packed results for each batch. */
  call(batches: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
}

interface Wagon {
  readonly bytes: Uint8Array;
  readonly count: number;
  arrived(results: Results): void;
}

/**
 * Runs batches in order.
 *
 * @returns the results of each
 * @throws {BlitError} as a call does; what ran before isn't known then
 */
export async function runTrain(
  batches: readonly WorkBatch[],
  { attributes, parallel, host, call }: TrainTrack,
): Promise<Results[]> {
  let wagons: Wagon[] = [];
  let length = 0;
  const leave = async () => {
    const now = wagons;
    [wagons, length] = [[], 0];
    if (now.length === 0) return;
    const answers = await call(now.map(({ bytes }) => bytes));
    now.forEach(({ count, arrived }, i) =>
      arrived(resultsFromPeer(answers[i] ?? NOTHING, count, host))
    );
  };
  const add = async (wagon: Wagon) => {
    if (wagons.length >= MOST_BATCHES || length + wagon.bytes.length > MOST_BYTES) await leave();
    wagons.push(wagon);
    length += wagon.bytes.length;
  };
  const results: Results[] = [];
  const parts: { readonly at: number; readonly writer: ResultsWriter }[] = [];
  for (const [at, batch] of batches.entries()) {
    const carries = batch.op === Op.meta && batch.flags & BatchFlag.xattrs && attributes !== null;
    if (!carries) {
      // A marker answers once, whatever items it has: it has one.
      const { bytes, items: { count } } = batch;
      await add({ bytes, count, arrived: (answer) => results[at] = answer });
      continue;
    }
    const writer = new ResultsWriter(batch.items.count);
    parts.push({ at, writer });
    for await (const part of metaParts(batch, attributes, parallel)) {
      if (!part.hasItems) {
        part.fill(writer, null);
        continue;
      }
      const { bytes, items: { count } } = part.finish();
      await add({ bytes, count, arrived: (answer) => part.fill(writer, answer) });
    }
  }
  await leave();
  for (const { at, writer } of parts) results[at] = writer.finish();
  return results;
}

const NOTHING = new Uint8Array(0);
