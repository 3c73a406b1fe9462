import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

/** Rules that a source breaks, sorted. */
function broken(path: string, source: string): string[] {
  const found = Deno.lint.runPlugin(plugin, path, source);
  return [...new Set(found.map((diagnostic) => diagnostic.id.replace("blit/", "")))].sort();
}

const SAMPLES: ReadonlyArray<
  readonly [what: string, path: string, source: string, expected: string[]]
> = [
  ["core importing engine", "src/core/a.ts", `import "../engine/b.ts";`, ["layering"]],
  ["native importing engine, its equal", "src/native/a.ts", `import "../engine/b.ts";`, [
    "layering",
  ]],
  [
    "engine importing tree by a type import",
    "src/engine/a.ts",
    `import type { T } from "../tree/b.ts";`,
    [
      "layering",
    ],
  ],
  ["engine re-exporting from app", "src/engine/a.ts", `export * from "../app/b.ts";`, ["layering"]],
  ["tree importing app on demand", "src/tree/a.ts", `await import("../app/b.ts");`, ["layering"]],
  ["tree importing net, its equal", "src/tree/a.ts", `export { x } from "../net/b.ts";`, [
    "layering",
  ]],
  ["cli importing daemon", "src/cli/a.ts", `import "../daemon/b.ts";`, ["layering"]],
  [
    "product code importing a test's support",
    "src/app/a.ts",
    `import "../../tests/support/b.ts";`,
    [
      "layering",
    ],
  ],
  ["a folder nobody knows", "src/utils/a.ts", `import "../core/b.ts";`, ["layering"]],
  ["a file in no folder", "src/a.ts", `import "./core/b.ts";`, ["layering"]],
  ["an entry imported", "src/cli/a.ts", `import "../../cli.ts";`, ["layering"]],
  ["Connect outside of rpc", "src/app/a.ts", `import "@connectrpc/connect";`, ["layering"]],
  [
    "tree importing engine, native and core",
    "src/tree/a.ts",
    `import "../engine/b.ts"; import "../native/c.ts"; import "../core/d.ts"; import "./e.ts";`,
    [],
  ],
  ["Connect in rpc", "src/rpc/a.ts", `import "@connectrpc/connect";`, []],
  ["an entry importing cli", "cli.ts", `import "./src/cli/run.ts";`, []],
  ["a test importing what lies above", "src/engine/a_test.ts", `import "../tree/memory.ts";`, []],
  ["dlopen in tree", "src/tree/a.ts", `Deno.dlopen("x", {});`, ["dlopen-in-native"]],
  ["dlopen in native", "src/native/a.ts", `Deno.dlopen("x", {});`, []],
  ["exit in cli's folder", "src/cli/a.ts", `Deno.exit(1);`, ["exit-in-entries"]],
  ["exit through node's process", "src/cli/a.ts", `process["exit"](1);`, ["exit-in-entries"]],
  ["exit in an entry", "daemon.ts", `Deno.exit(1);`, []],
  ["a file read in app", "src/app/a.ts", `Deno.readTextFileSync("x");`, ["files-in-tree"]],
  ["node:fs in engine", "src/engine/a.ts", `import { statSync } from "node:fs";`, [
    "files-in-tree",
  ]],
  ["a file read in tree", "src/tree/a.ts", `await Deno.open("x");`, []],
  ["the history's own file", "src/app/history.ts", `await Deno.open("x");`, []],
  ["501 lines", "src/core/a.ts", "// x\n".repeat(501), ["file-length"]],
  ["500 lines", "src/core/a.ts", "// x\n".repeat(500), []],
  ["a test of 501 lines", "tests/cli/a_test.ts", "// x\n".repeat(501), ["file-length"]],
  ["generated code of 501 lines", "src/gen/a_pb.ts", "// x\n".repeat(501), []],
  ["camel case", "src/core/relPath.ts", "", ["file-name"]],
  ["a kebab", "tests/rel-path_test.ts", "", ["file-name"]],
  ["a bare error", "src/core/a.ts", `throw new Error("x");`, ["no-bare-error"]],
  ["a bare error without new", "cli.ts", `throw Error("x");`, ["no-bare-error"]],
  ["a bare error in a test", "src/core/a_test.ts", `throw new Error("x");`, []],
  ["a function without a doc comment", "src/core/a.ts", `export function f() {}`, ["doc-comment"]],
  ["a constant after a plain comment", "src/core/a.ts", `/* x */ export const f = 1;`, [
    "doc-comment",
  ]],
  ["a default export without one", "src/core/a.ts", `export default class A {}`, ["doc-comment"]],
  ["a documented function", "src/core/a.ts", `/** Does f. */\nexport function f() {}`, []],
  [
    "a type beside its documented value",
    "src/core/a.ts",
    `/** A. */\nexport const A = 1;\nexport type A = 1;`,
    [],
  ],
];

for (const [what, path, source, expected] of SAMPLES) {
  const verdict = expected.length === 0 ? "lets pass" : "refuses";
  Deno.test(`lint plugin ${verdict} ${what}`, () => {
    assert.deepEqual(broken(path, source), expected);
  });
}

Deno.test("every rule of the lint plugin has a sample that breaks it", () => {
  const tried = new Set(SAMPLES.flatMap(([, , , expected]) => expected));
  assert.deepEqual(Object.keys(plugin.rules).filter((rule) => !tried.has(rule)), []);
});
