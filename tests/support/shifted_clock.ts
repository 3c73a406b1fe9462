/**
 * Loaded before a program, it sets the program's clock off by BLIT_TEST_CLOCK_MS, as one that nobody set right.
 *
 * @module
 */
const shiftMs = Number(Deno.env.get("BLIT_TEST_CLOCK_MS"));
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...given: unknown[]) {
    super(...(given.length === 0 ? [RightDate.now() + shiftMs] : given) as [number]);
  }
  static override now(): number {
    return RightDate.now() + shiftMs;
  }
} as DateConstructor;
