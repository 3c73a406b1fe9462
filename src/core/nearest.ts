/**
 * "Did you mean ...?": the nearest of some words.
 *
 * @module
 */

/**
 * Finds the word nearest to a misspelt one.
 *
 * @returns the nearest candidate; null where none is near
 */
export function nearest(given: string, candidates: Iterable<string>): string | null {
  const wanted = given.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.floor(wanted.length / 3) + 1;
  for (const candidate of candidates) {
    if (wanted.length >= 3 && candidate.startsWith(wanted)) return candidate;
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance || (distance === bestDistance && best === null)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` Did you mean X?`, or nothing. */
export function didYouMean(given: string, candidates: Iterable<string>, prefix = ""): string {
  const near = nearest(given, candidates);
  return near === null ? "" : ` Did you mean ${prefix}${near}?`;
}

/** Edits (insert, delete, replace, swap neighbours) from one word to the other; above `limit`, limit + 1. */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    before = above;
    above = row;
  }
  return above[to.length];
}
