/**
 * Tuner: looks for the worker count that moves most while a long run copies. It tries one more, then one less,
 * and keeps what is clearly faster than the count before it was measured, before and after.
 *
 * @module
 */

/** What the tuner wants changed, and why. */
export interface Tuning {
  readonly workers: number;
  readonly why: string;
}

/** A gain smaller than this is noise. */
const TELLING_GAIN = 1.1;

/** Pure: it is told what each stretch of time moved, and says what to use in the next one. */
export class Tuner {
  readonly #most: number;
  #workers: number;
  #direction = 1;
  /** Speed with the settled count before a try; null before the first stretch. */
  #before: number | null = null;
  /** Speed with the count that is tried; null where none is. */
  #tried: { readonly workers: number; readonly speed: number | null } | null = null;
  #done = false;

  /**
   * @param workers what the run began with
   * @param most the most that may be used
   */
  constructor(workers: number, most: number) {
    this.#workers = workers;
    this.#most = most;
  }

  /** The count that the run has settled on so far. */
  get workers(): number {
    return this.#workers;
  }
  /** Nothing is left to try. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Takes in what one stretch moved; stretches in which the workers starved are not to be told.
   *
   * @param speed amount of work in a unit of time, of any scale
   * @returns what to use from now on, or null where that stays
   */
  next(speed: number): Tuning | null {
    if (this.#done) return null;
    const tried = this.#tried;
    if (tried === null) {
      this.#before = speed;
      return this.#try();
    }
    if (tried.speed === null) {
      this.#tried = { workers: tried.workers, speed };
      // Back first: what lies in the tree now may be faster or slower with any count.
      return { workers: this.#workers, why: `to compare with ${tried.workers}` };
    }
    const [settled, usual] = [this.#workers, Math.max(this.#before!, speed)];
    this.#tried = null;
    this.#before = speed;
    if (tried.speed > usual * TELLING_GAIN) {
      this.#workers = tried.workers;
      this.#before = tried.speed;
      const gain = Math.round(100 * (tried.speed / usual - 1));
      return this.#keep(`${gain} % faster than with ${settled}`);
    }
    if (this.#direction > 0) {
      this.#direction = -1;
      return this.#try();
    }
    this.#done = true;
    return null;
  }

  #keep(why: string): Tuning {
    const next = this.#workers + this.#direction;
    if (next < 1 || next > this.#most) this.#done = true;
    return { workers: this.#workers, why };
  }

  #try(): Tuning | null {
    let next = this.#workers + this.#direction;
    if (next > this.#most) {
      this.#direction = -1;
      next = this.#workers - 1;
    }
    if (next < 1) {
      this.#done = true;
      return null;
    }
    this.#tried = { workers: next, speed: null };
    return { workers: next, why: `to see whether that is faster than ${this.#workers}` };
  }
}
