/**
 * Medians, ratios and the printed table. Pure.
 *
 * @module
 */
import type { Measure } from "./measure.ts";

/** One tool's runs, one measure a round; null where a round failed. */
export interface Row {
  readonly name: string;
  readonly command: string;
  readonly measures: readonly (Measure | null)[];
  /** What differed from the source after the warm-up run; null where it was not compared. */
  readonly differences: number | null;
}

/** Median and spread of a list of numbers. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Median, least and greatest; null for an empty list. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, low: sorted[0], high: sorted[sorted.length - 1] };
}

/** Base's wall time over the other's, round by round: under 1, base was faster. */
export function ratioOf(base: Row, other: Row): Spread | null {
  const ratios: number[] = [];
  for (const [round, measure] of base.measures.entries()) {
    const against = other.measures[round];
    if (measure && against) ratios.push(measure.wallSeconds / against.wallSeconds);
  }
  return spreadOf(ratios);
}

/** A Markdown table; ratios are those of the first row to each. */
export function formatTable(rows: readonly Row[]): string {
  const base = rows[0];
  const lines = [
    `| tool | wall s | CPU s | peak MiB | ${base?.name} / tool | differs |`,
    "|---|---:|---:|---:|---:|---:|",
  ];
  for (const row of rows) {
    const of = (pick: (measure: Measure) => number, digits: number) =>
      spreadOf(row.measures.filter((measure) => measure !== null).map(pick))?.median.toFixed(
        digits,
      ) ??
        "–";
    const ratio = row === base ? null : ratioOf(base, row);
    const cells = [
      row.name,
      of((measure) => measure.wallSeconds, 3),
      of((measure) => measure.cpuSeconds, 2),
      of((measure) => measure.peakBytes / 1024 ** 2, 0),
      ratio
        ? `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`
        : row === base
        ? "1"
        : "–",
      row.differences === null ? "–" : String(row.differences),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}
