import assert from "node:assert/strict";
import { BlitError } from "./error.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  parseAge,
  parseSize,
} from "./units.ts";

const NOW_MS = Date.parse("2025-06-15T12:00:00Z");

Deno.test("sizes are read as people write them", () => {
  const table: [string, number][] = [
    ["0", 0],
    ["4096", 4096],
    ["10k", 10_000],
    ["10K", 10_000],
    ["1.5MiB", 1_572_864],
    ["1.5mi", 1_572_864],
    ["1G", 1_000_000_000],
    ["1Gi", 1_073_741_824],
    ["1GB", 1_000_000_000],
    ["12b", 12],
    [" 2 T ", 2_000_000_000_000],
    [".5k", 500],
    ["1.9", 1],
  ];
  for (const [text, bytes] of table) assert.equal(parseSize(text, "--min-size"), bytes, text);
});

Deno.test("what is no size is refused with the option's name", () => {
  for (const text of ["", "k", "1x", "-1", "1i", "1ib", "1e3", "0x10", "1 2", "NaN", "9999P"]) {
    assert.throws(() => parseSize(text, "--max-size"), (error) => {
      assert.ok(error instanceof BlitError && error.kind === "usage");
      assert.match(error.message, /^--max-size ".*" is not a size/);
      return true;
    }, text);
  }
});

Deno.test("ages are read as people write them", () => {
  const table: [string, number][] = [
    ["30s", 30],
    ["2h", 7200],
    ["7d", 604_800],
    ["1w", 604_800],
    ["1h30m", 5400],
    ["1.5h", 5400],
    ["90", 90],
    ["0", 0],
    ["1H", 3600],
    ["2025-06-15T11:59:00Z", 60],
    ["2025-06-15T12:00+01:00", 3600],
    ["2025-06-15 11:00:00.5z", 3599.5],
  ];
  for (const [text, seconds] of table) {
    assert.equal(parseAge(text, "--min-age", NOW_MS), seconds, text);
  }
  const midnight = new Date(2025, 0, 31).getTime();
  assert.equal(parseAge("2025-01-31", "--max-age", NOW_MS), (NOW_MS - midnight) / 1000);
});

Deno.test("what is no age is refused with the option's name", () => {
  const bad = [
    "",
    "h",
    "1y",
    "1ms",
    "-1h",
    "1h 30m",
    "2025-02-30",
    "2025-13-01",
    "2025-1-1",
    "2026-01-01",
  ];
  for (const text of bad) {
    assert.throws(
      () => parseAge(text, "--max-age", NOW_MS),
      /^BlitError: --max-age ".*" is not a/,
      text,
    );
  }
});

Deno.test("bytes, rates, durations and counts are shown short", () => {
  const bytes: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10_240, "10.0 KiB"],
    [1_023_999, "0.98 MiB"],
    [1_048_576, "1.00 MiB"],
    [123 * 2 ** 30, "123 GiB"],
    [Number.MAX_SAFE_INTEGER, "8.00 PiB"],
  ];
  for (const [value, text] of bytes) assert.equal(formatBytes(value), text);
  assert.equal(formatRate(1536), "1.50 KiB/s");
  const durations: [number, string][] = [
    [0, "0 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [59_949, "59.9 s"],
    [59_960, "1m 00s"],
    [125_000, "2m 05s"],
    [3_599_700, "1h 00m"],
    [3_720_000, "1h 02m"],
    [76 * 3_600_000, "3d 04h"],
  ];
  for (const [ms, text] of durations) assert.equal(formatDuration(ms), text);
  assert.equal(formatCount(999), "999");
  assert.equal(formatCount(1_234_567), "1,234,567");
});
