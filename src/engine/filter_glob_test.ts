import assert from "node:assert/strict";
import fc from "fast-check";
import { expandBraces, Glob } from "./filter_glob.ts";

/** The plainest matcher there is, exponential: what the quick one must agree with. */
function slowlyMatches(pattern: string, text: string, atStart = true): boolean {
  if (pattern === "") return text === "";
  const stars = /^\*+/.exec(pattern)?.[0].length ?? 0;
  if (stars === 0) {
    const one = pattern[0] === "?" ? text !== "" && text[0] !== "/" : text[0] === pattern[0];
    return one && slowlyMatches(pattern.slice(1), text.slice(1), pattern[0] === "/");
  }
  const rest = pattern.slice(stars);
  if (stars > 1 && atStart && rest[0] === "/") {
    const below = rest.slice(1);
    if (slowlyMatches(below, text, true)) return true;
    return [...text].some((char, i) =>
      char === "/" && slowlyMatches(below, text.slice(i + 1), true)
    );
  }
  for (let i = 0; i <= text.length; i++) {
    if (slowlyMatches(rest, text.slice(i), false)) return true;
    if (stars === 1 && text[i] === "/") return false;
  }
  return false;
}

Deno.test("the matcher agrees with a plain one on every small pattern and path", () => {
  const pattern = fc.string({
    unit: fc.constantFrom("a", "b", "/", "?", "*", "**", "**/", "/**/"),
    maxLength: 7,
  });
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 9 });
  fc.assert(
    fc.property(pattern, text, (pattern, text) => {
      const glob = Glob.parse(pattern, { doubleStar: "anywhere" });
      assert.ok(glob instanceof Glob);
      assert.equal(glob.matches(text), slowlyMatches(pattern, text));
    }),
    { numRuns: 10 * Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 300) },
  );
});

Deno.test("braces stand for their alternatives", () => {
  const table: [string, readonly string[]][] = [
    ["a", ["a"]],
    ["{a,b}", ["a", "b"]],
    ["x{a,}y", ["xay", "xy"]],
    ["{a}", ["a"]],
    ["{a,{b,c}d}e", ["ae", "bde", "cde"]],
    ["{a,b}{1,2}", ["a1", "a2", "b1", "b2"]],
    ["[{,}]", ["[{,}]"]],
    ["{[,}],b}", ["[,}]", "b"]],
    ["\\{a,b\\}", ["\\{a,b\\}"]],
    ["{a\\,b,c}", ["a\\,b", "c"]],
    ["a,b", ["a,b"]],
  ];
  for (const [pattern, alternatives] of table) {
    assert.deepEqual(expandBraces(pattern), alternatives, pattern);
  }
});
