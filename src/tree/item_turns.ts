/**
 * Lets items that are worked on side by side come out in their order.
 *
 * @module
 */

/** Turns of a batch's items. Whoever has an item must let it {@link ItemTurns.pass} in the end. */
export class ItemTurns {
  readonly #order: readonly number[];
  readonly #passed = new Set<number>();
  readonly #waiting = new Map<number, () => void>();
  #at = 0;

  /** @param order the items, as they are to come out; they must also be begun in this order */
  constructor(order: readonly number[]) {
    this.#order = order;
  }

  /** Resolves when every item before this one has passed. */
  wait(item: number): Promise<void> {
    if (this.#order[this.#at] === item) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(item, resolve));
  }

  /** Nothing more comes of this item. */
  pass(item: number): void {
    this.#passed.add(item);
    while (this.#passed.delete(this.#order[this.#at])) this.#at++;
    const next = this.#order[this.#at];
    this.#waiting.get(next)?.();
    this.#waiting.delete(next);
  }
}
