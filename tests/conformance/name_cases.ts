/** Names that broke other tools. @module */
import assert from "node:assert/strict";
import { textToName } from "../../src/core/rel_path.ts";
import { CopyAction, Op } from "../../src/core/work_batch.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import type { Cases } from "./suite.ts";
import { contents, names, statuses } from "./workbench.ts";

const ODD_NAMES = [
  "new\nline",
  " leading and trailing ",
  "back\\slash",
  "a..b",
  "...",
  "-rf",
  "*?[x]",
  "tab\t",
  "n".repeat(255),
  textToName("é".normalize("NFC")),
  textToName("e\u0301 in NFD"),
  textToName("\u{1f600}"),
  textToName("\uffff"),
];

/** See the module's comment. */
export const nameCases: Cases = {
  "keeps odd names, and copies and replaces by them": async (bench) => {
    if (Deno.build.os === "windows") return { skipped: "names that Windows refuses" };
    const spec = Object.fromEntries(
      ODD_NAMES.map((name) => [`d/${name}`, `content of ${name.length}`]),
    );
    await bench.seed(bench.source, spec);
    const paths = Object.keys(spec);
    for (const action of [CopyAction.create, CopyAction.replace]) {
      const results = await bench.copy(paths, { action });
      assert.deepEqual(new Set(statuses(results)), new Set(["ok"]));
    }
    assert.deepEqual(await contents(bench.destination, bench.run), { "d/": null, ...spec });
  },

  "sorts an emoji after U+FFFF, as bytes do and UTF-16 does not": async (bench) => {
    const emoji = textToName("\u{1f600}");
    const last = textToName("\uffff");
    await bench.seed(bench.source, { [emoji]: "", [last]: "", a: "" });
    assert.deepEqual(await names(bench.source, ""), ["a", last, emoji]);
  },

  "a name of 256 bytes is too long": async (bench) => {
    const source = MemoryTree.of({ f: "x" });
    const seen = await source.stat(["f"]);
    const items = [{ path: "f", target: "n".repeat(256), action: CopyAction.create }];
    const results = await bench.submit(Op.copy, seen, { items, source });
    assert.deepEqual(statuses(results), ["name_too_long"]);
  },

  "a name that is not UTF-8 is kept, or reported": async (bench) => {
    const raw = "caf\xe9 \xff";
    const source = MemoryTree.of({ [raw]: "x", fine: "y" });
    const results = await bench.copy([raw, "fine"], { source });
    if (bench.destination.traits.rawNames) {
      assert.deepEqual(statuses(results), ["ok", "ok"]);
      assert.deepEqual(await contents(bench.destination, bench.run), { [raw]: "x", fine: "y" });
    } else {
      assert.deepEqual(statuses(results), ["unsupported", "ok"]);
      assert.deepEqual(await contents(bench.destination, bench.run), { fine: "y" });
    }
  },

  "a link to a name that is not UTF-8 is kept, or reported": async (bench) => {
    const source = MemoryTree.of({ l: { link: "to \xff" } });
    const results = await bench.copy(["l"], { source });
    const { rawNames } = bench.destination.traits;
    assert.deepEqual(statuses(results), [rawNames ? "ok" : "unsupported"]);
    const kept = rawNames ? { l: "-> to \xff" } : {};
    assert.deepEqual(await contents(bench.destination, bench.run), kept);
  },
};
