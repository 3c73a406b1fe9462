/**
 * A histogram of what was counted elsewhere: prom-client's own takes one value at a time.
 *
 * @module
 */
import type { Histogram, Registry } from "prom-client";

/** Counts by how long something took, and how long that was together. */
interface Counted {
  readonly counts: number[];
  seconds: number;
}

/** What a {@link CountedHistogram} is called, and what it has counts for. */
export interface CountedHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Name of its one label, and that one's values. */
  readonly label: string;
  readonly values: readonly string[];
  /** Upper bounds, s; what is above the last is counted too. */
  readonly bounds: readonly number[];
  readonly register: Registry;
}

/** Adds up counts, and shows them in Prometheus' form. */
export class CountedHistogram {
  readonly name: string;
  readonly #options: CountedHistogramOptions;
  readonly #counted: ReadonlyMap<string, Counted>;

  constructor(options: CountedHistogramOptions) {
    this.name = options.name;
    this.#options = options;
    const nothing = (): Counted => ({ counts: [...options.bounds, Infinity].fill(0), seconds: 0 });
    this.#counted = new Map(options.values.map((value) => [value, nothing()]));
    // A registry asks a metric for its name, and for what `get` returns; its types want all of prom-client's own.
    options.register.registerMetric(this as unknown as Histogram);
  }

  /**
   * Adds counts.
   *
   * @param counts one for each bound, not added up, and one for what is above the last
   * @param seconds what all of it took
   */
  add(value: string, counts: readonly number[], seconds: number): void {
    const counted = this.#counted.get(value)!;
    for (const [i, count] of counts.entries()) counted.counts[i] += count;
    counted.seconds += seconds;
  }

  /** As a registry of prom-client wants it. */
  get(): Promise<unknown> {
    const { name, help, label, bounds } = this.#options;
    const values: unknown[] = [];
    for (const [word, { counts, seconds }] of this.#counted) {
      const labels = { [label]: word };
      let count = 0;
      for (const [i, le] of [...bounds, "+Inf"].entries()) {
        count += counts[i];
        values.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: count });
      }
      values.push(
        { metricName: `${name}_sum`, labels, value: seconds },
        { metricName: `${name}_count`, labels, value: count },
      );
    }
    return Promise.resolve({ name, help, type: "histogram", values, aggregator: "sum" });
  }
}
