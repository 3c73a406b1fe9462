/**
 * Runs work over items with a bound on how many are under way.
 *
 * @module
 */

/**
 * Calls `work` for each item, in order, with at most `parallel` unfinished calls. `work` must not throw:
 * an item's failure belongs in its result.
 */
export async function forEachItem<T>(
  items: Iterable<T>,
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  // One iterator shared by all lanes: each takes the next item when it is free.
  const iterator = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: Math.max(1, parallel) }, lane));
}
