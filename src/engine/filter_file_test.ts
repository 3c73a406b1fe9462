import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { parseFilterFile } from "./filter_file.ts";

const parse = (text: string) => parseFilterFile(new TextEncoder().encode(text), "my.rules");

Deno.test("rules keep their order and say where they were written", () => {
  assert.deepEqual(
    parse("\ufeff# comment\r\n+ *.pdf\r\n\r\n; other\n  - /a b/  \n-\tlast\\ \n"),
    [
      { action: "include", pattern: "*.pdf", origin: "my.rules:2" },
      { action: "exclude", pattern: "/a b/", origin: "my.rules:5" },
      { action: "exclude", pattern: "last\\ ", origin: "my.rules:6" },
    ],
  );
  assert.deepEqual(parse(""), []);
});

Deno.test("a mistake in a rules file is reported with file, line and column", async (t) => {
  const table: [string, RegExp][] = [
    ["+ ok\n*.o\n", /^my\.rules:2:1: a rule begins with .* Write "- \*\.o" to exclude that\.$/],
    ["  -x\n", /^my\.rules:1:3: .* Write "- x"/],
    ["+ ok\n -  é[b\n", /^my\.rules:2:6: in the pattern "é\[b", this "\[" has no "\]"/],
    ["- \n", /^my\.rules:1:3: .*it names nothing/],
  ];
  for (const [text, message] of table) {
    await t.step(JSON.stringify(text), () => {
      assert.throws(() => parse(text), (error) => {
        assert.ok(error instanceof BlitError && error.kind === "usage");
        assert.match(error.message, message);
        return true;
      });
    });
  }
  await t.step("bytes that are not UTF-8", () => {
    assert.throws(
      () => parseFilterFile(new Uint8Array([45, 32, 97, 0xff, 10]), "f"),
      /^BlitError: f:1:4: this is not UTF-8/,
    );
  });
});
