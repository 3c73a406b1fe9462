import assert from "node:assert/strict";
import { formatTable, ratioOf, type Row, spreadOf } from "./table.ts";

function row(name: string, walls: (number | null)[]): Row {
  const measures = walls.map((wallSeconds) =>
    wallSeconds === null ? null : { wallSeconds, cpuSeconds: 1, peakBytes: 2 * 1024 ** 2 }
  );
  return { name, command: name, measures, differences: 0 };
}

Deno.test("the median of an even count lies between the middle two", () => {
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4 });
  assert.equal(spreadOf([]), null);
});

Deno.test("ratios are taken round by round, rounds that failed left out", () => {
  // Medians of the walls would give 1; the rounds say that the base took twice as long, mostly.
  const ratio = ratioOf(row("a", [2, 20, 4, null]), row("b", [1, 40, 2, 1]));
  assert.deepEqual(ratio, { median: 2, low: 0.5, high: 2 });
});

Deno.test("the table shows a tool that never finished without numbers", () => {
  const table = formatTable([
    row("blit", [1, 1, 1]),
    row("cp", [2, 2, 2]),
    row("v1", [null, null, null]),
  ]);
  assert.match(table, /\| cp \| 2\.000 \| 1\.00 \| 2 \| 0\.50 \(0\.50–0\.50\) \| 0 \|/);
  assert.match(table, /\| v1 \| – \| – \| – \| – \| 0 \|/);
});
