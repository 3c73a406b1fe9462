import assert from "node:assert/strict";
import {
  dropTornFiles,
  judged,
  readCargoTest,
  readCoverage,
  readJunit,
  readSkipLines,
  sumOf,
  unexpectedSkips,
} from "./reports.ts";

Deno.test("a JUnit report is counted with its failures, errors, skips and escaped names", () => {
  const counts = readJunit(`<testsuite name="./a_test.ts" tests="4">
    <testcase name="copies" classname="./a_test.ts" line="1">
    </testcase>
    <testcase name="brief"/>
    <testcase name="fails"><failure message="no">at &lt;line&gt; 1</failure></testcase>
    <testcase name="a &lt;b&gt; &#233;">
        <skipped/>
    </testcase>
  </testsuite>`);
  assert.deepEqual(counts, {
    passed: 2,
    failed: 1,
    skips: [{ name: "a <b> é", reason: "ignored" }],
    failures: ["fails\nat <line> 1"],
  });
});

Deno.test("what several runs counted, skipped and failed is all of one sum", () => {
  const skip = (name: string) => ({ name, reason: "ignored" });
  const one = { passed: 2, failed: 1, skips: [skip("a")], failures: ["x"] };
  const other = { passed: 3, failed: 2, skips: [skip("b")], failures: ["y", "z"] };
  assert.deepEqual(sumOf([one, other]), {
    passed: 5,
    failed: 3,
    skips: [skip("a"), skip("b")],
    failures: ["x", "y", "z"],
  });
});

Deno.test("cargo's results are added up over its test binaries", () => {
  const counts = readCargoTest(`running 2 tests
test scan::sorts ... ok
test copy::reflink ... ignored, needs xfs
failures:

---- copy::sparse stdout ----
thread panicked:
too short

---- copy::whole stdout ----
no

failures:
    copy::sparse
    copy::whole

test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`);
  assert.deepEqual(counts, {
    passed: 4,
    failed: 2,
    skips: [{ name: "copy::reflink", reason: "needs xfs" }],
    failures: ["copy::sparse\nthread panicked:\ntoo short", "copy::whole\nno"],
  });
});

Deno.test("a program that fails without a failing test counts as one, with its last words", () => {
  const counts = { passed: 2, failed: 0, skips: [], failures: [] };
  const words = Array.from({ length: 40 }, (_, index) => `line ${index}`);
  const crashed = judged(counts, 139, `SKIP: a: b\n${words.join("\n")}`);
  assert.equal(crashed.failed, 1);
  assert.deepEqual(crashed.skips, [{ name: "a", reason: "b" }]);
  assert.deepEqual(crashed.failures, [words.slice(-25).join("\n")]);
  assert.deepEqual(judged(counts, 0, "").failures, []);
});

Deno.test("a test's own skip line is found among other output", () => {
  assert.deepEqual(
    readSkipLines("x\nSKIP: mirror on btrfs: not root\nSKIP: other\n not SKIP: this"),
    [
      { name: "mirror on btrfs", reason: "not root" },
      { name: "other", reason: "skipped" },
    ],
  );
});

Deno.test("a skip is allowed by its name or by the beginning of it, and by nothing else", () => {
  const skips = ["a", "windows: x", "windows: y", "ab"].map((name) => ({ name, reason: "" }));
  const left = unexpectedSkips(skips, "# comment\na # why\n\nwindows: *\n");
  assert.deepEqual(left.map(({ name }) => name), ["ab"]);
  assert.equal(unexpectedSkips(skips, "").length, 4);
});

Deno.test("coverage counts lines of code only, and a file never loaded as not reached", () => {
  const code = "/**\n * Doc.\n */\nexport function f() {\n  return 1;\n}\n\n// c\n";
  const covered = readCoverage(
    "SF:/p/a.ts\nDA:1,1\nDA:4,1\nDA:5,0\nDA:6,1\nDA:8,1\nend_of_record\n",
    new Map([["/p/a.ts", code], ["/p/unloaded.ts", code], ["/p/types.ts", "export type T = 1;\n"]]),
  );
  assert.deepEqual(covered, [
    { path: "/p/a.ts", lines: 3, hit: 2 },
    { path: "/p/unloaded.ts", lines: 3, hit: 0 },
  ]);
});

Deno.test("coverage that a killed process left torn is dropped, the rest stays", () => {
  const folder = Deno.makeTempDirSync({ prefix: "blit-torn-" });
  try {
    Deno.writeTextFileSync(`${folder}/whole.json`, '{"a":{"b":1}}');
    Deno.writeTextFileSync(`${folder}/torn.json`, '{"a":{"b');
    Deno.writeTextFileSync(`${folder}/empty.json`, "");
    dropTornFiles(folder);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["whole.json"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
