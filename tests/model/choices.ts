/**
 * Random combinations of options that go together.
 *
 * @module
 */
import fc from "fast-check";
import type { CompareOptions, MaxDelete } from "../../mod.ts";
import { defaultOptions } from "../../src/core/options.ts";
import { type Choice, PATTERNS } from "./model.ts";
import { TIMES } from "./real_tree.ts";

/** A run's options, and what of the command line isn't the model's. */
export interface Case extends Choice {
  readonly maxDelete: MaxDelete;
  readonly resume: boolean;
  readonly fsync: boolean;
  /** `SRC` rather than `SRC/`. */
  readonly named: boolean;
}

const DAY = 86_400;
/** Long after every time of a tree. */
export const NOW = TIMES[3] + 100 * DAY;
const BETWEEN = NOW - 1_550_000_000;

const NONE: CompareOptions = defaultOptions("copy").compare;

const compare: fc.Arbitrary<CompareOptions> = fc.subarray(
  ["checksum", "sizeOnly", "ignoreTimes", "ignoreExisting", "update", "force"] as const,
  { maxLength: 2 },
).map((on) => ({ ...NONE, ...Object.fromEntries(on.map((name) => [name, true])) }))
  .map((given) => given.checksum || given.ignoreTimes ? { ...given, sizeOnly: false } : given);

const rule = fc.record({
  action: fc.constantFrom("include" as const, "exclude" as const),
  pattern: fc.constantFrom(...Object.keys(PATTERNS)),
  isLine: fc.boolean(),
}).map(({ action, pattern, isLine }) => ({
  action,
  pattern,
  origin: isLine ? "rules:1" : `--${action}`,
}));
/** `--exclude` comes first. */
const rules = fc.array(rule, { maxLength: 3 }).map((given) => {
  const isFirst = ({ origin }: { origin: string }) => origin === "--exclude";
  return [...given.filter(isFirst), ...given.filter((one) => !isFirst(one))];
});

const limits = fc.constantFrom<Choice["limits"]>(
  {},
  {},
  {},
  { minSizeBytes: 1 },
  { maxSizeBytes: 5 },
  { minSizeBytes: 2, maxSizeBytes: 6 },
  { minAgeSeconds: BETWEEN },
  { maxAgeSeconds: BETWEEN },
  { minAgeSeconds: BETWEEN, maxSizeBytes: 100 },
);

const maxDelete = fc.constantFrom<MaxDelete>(
  { kind: "all" },
  { kind: "all" },
  { kind: "default" },
  { kind: "count", count: 0 },
  { kind: "count", count: 2 },
  { kind: "percent", percent: 50 },
);

/** Every path of a list is one that could be there. */
const paths = fc.array(
  fc.array(fc.constantFrom("a", "b", "c.o", "d.c"), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join("/")),
  { maxLength: 4 },
);

/** Cases of one mode. */
export function casesOf(mode: "copy" | "mirror" | "move"): fc.Arbitrary<Case> {
  const filters = mode !== "move";
  return fc.record({
    mode: fc.constant(mode),
    compare,
    rules: filters ? fc.oneof(fc.constant([]), rules) : fc.constant([]),
    gitignore: filters ? fc.boolean() : fc.constant(false),
    limits: filters ? limits : fc.constant({}),
    nowSeconds: fc.constant(NOW),
    scope: fc.constantFrom("subset" as const, "all" as const),
    paths: filters
      ? fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: paths })
      : fc.constant(null),
    owners: fc.constant(Deno.uid() === 0),
    maxDelete,
    resume: fc.boolean(),
    fsync: fc.constantFrom(false, false, false, true),
    named: fc.boolean(),
  });
}
