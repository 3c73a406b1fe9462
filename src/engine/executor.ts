/**
 * Executor: keeps the trees' workers fed and bounded, and says when they starve.
 *
 * @module
 */

/** One thing to run: a batch and what its results settle. */
export type Job = () => Promise<void>;

/** Runs jobs with a bounded number in flight; the first job that throws fails the run. */
export class Executor {
  readonly #ahead: number;
  #workers: number;
  #inFlight = 0;
  #error: unknown = null;
  #abandoned = false;
  #waiters: (() => void)[] = [];
  #held: Promise<unknown> | null = null;
  /** Called when a job ends and fewer jobs are left than there are workers. */
  onIdle: () => void = () => {};

  /**
   * @param workers jobs that can run at the same time
   * @param ahead jobs that wait behind each worker, so that it never waits for the planner
   */
  constructor(workers: number, ahead = 1) {
    this.#workers = workers;
    this.#ahead = ahead;
  }

  /** Jobs that can run at the same time. */
  get workers(): number {
    return this.#workers;
  }

  get inFlight(): number {
    return this.#inFlight;
  }
  /** Whether a worker has nothing to do, or will have nothing after what it does now. */
  get starved(): boolean {
    return this.#inFlight < this.#workers;
  }
  get full(): boolean {
    return this.#inFlight >= this.#workers * (1 + this.#ahead);
  }

  /** Changes how many jobs can run at the same time; those that run stay. */
  resize(workers: number): void {
    this.#workers = workers;
    this.#wake();
  }

  /** Has every job wait for something first; the run fails where that fails. */
  hold(until: Promise<unknown>): void {
    this.#held = until.then(() => {
      this.#held = null;
    });
    this.#held.catch((error) => this.fail(error));
  }

  /** Resolves when nothing is held back any more. Rejects with what it was held back for. */
  async released(): Promise<void> {
    await this.#held;
  }

  /** Starts a job at once; {@link Executor.room} is where a producer waits. */
  start(job: Job): void {
    this.#inFlight++;
    const started = this.#held === null ? job() : this.#held.then(job);
    started.catch((error) => {
      this.#error ??= error;
    }).finally(() => {
      this.#inFlight--;
      this.#wake();
      if (this.#error === null && this.starved) this.onIdle();
    });
  }

  /** Resolves when a job can be started without exceeding the limit. Rejects when the run has failed. */
  async room(): Promise<void> {
    while (this.#error === null && this.full) await this.#change();
    if (this.#error !== null) throw this.#error;
  }

  /** Resolves when nothing is in flight. Rejects when the run has failed. */
  async drain(): Promise<void> {
    while (this.#error === null && this.#inFlight > 0) await this.#change();
    if (this.#error !== null) throw this.#error;
  }

  /** Waits until nothing is in flight, whatever failed; false where that takes too long or was given up. */
  async quiet(timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    const untilMs = performance.now() + timeoutMs;
    while (this.#inFlight > 0 && !this.#abandoned && performance.now() < untilMs) {
      await Promise.race([this.#change(), promise]);
    }
    clearTimeout(timer);
    return this.#inFlight === 0;
  }

  /** Fails the run as a job that throws does: nothing new is started, what is in flight is still waited for. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#wake();
  }

  /** Ends every wait with this error: what is in flight is abandoned. */
  abandon(error: unknown): void {
    this.#abandoned = true;
    this.fail(error);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
