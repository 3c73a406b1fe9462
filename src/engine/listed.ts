/**
 * Listed: the paths of a `--files-from` list in groups, each path once. The list may be long, and whoever writes it may
 * be slow.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";

/** Paths asked about at a time. */
const GROUP = 256;
/** So long the first of a group waits for more of them. */
const GROUP_MS = 200;
/** Of so many paths at least it is known that they came: more than are ever in flight. */
const RECENT = 65_536;

/** Tells what a list names again while the first time may be under way still; later it is seen to be the same. */
class RecentPaths {
  #now = new Set<RelPath>();
  #before = new Set<RelPath>();

  /** Whether the path came before; from now on it has. */
  has(path: RelPath): boolean {
    if (this.#now.has(path) || this.#before.has(path)) return true;
    if (this.#now.size >= RECENT) {
      this.#before = this.#now;
      this.#now = new Set();
    }
    this.#now.add(path);
    return false;
  }
}

/**
 * Yields the paths of a list.
 *
 * @returns groups; an empty one where nothing has come for a while
 */
export async function* inGroups(
  paths: AsyncIterable<RelPath>,
): AsyncGenerator<readonly RelPath[], void, undefined> {
  const known = new RecentPaths();
  const iterator = paths[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const group: RelPath[] = [];
    const old = Promise.withResolvers<null>();
    const timer = setTimeout(() => old.resolve(null), GROUP_MS);
    try {
      while (group.length < GROUP) {
        const step = await Promise.race([next, old.promise]);
        if (step === null) break;
        if (step.done) {
          if (group.length > 0) yield group;
          return;
        }
        if (!known.has(step.value)) group.push(step.value);
        next = iterator.next();
        // Whoever gave up waiting for it hears why another way.
        next.catch(() => {});
      }
    } finally {
      clearTimeout(timer);
    }
    yield group;
  }
}
