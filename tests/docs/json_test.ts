/**
 * docs/cli/json.md names every field, event and word that the program has, and its examples have the
 * fields of the real thing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { STATUS } from "../../src/core/error.ts";
import { COPY_METHODS } from "../../src/core/work_batch.ts";
import { KIND_NAME } from "../../src/core/kind_name.ts";
import { type Scratch, scratch } from "../support/cli.ts";
import { blocksOf, ROOT } from "./blocks.ts";

const PAGE = Deno.readTextFileSync(new URL("docs/cli/json.md", ROOT));
const EVENTS = Deno.readTextFileSync(new URL("src/core/events.ts", ROOT));
/** The JSON blocks: summary, failure before the start, events, entries. */
const SHOWN = blocksOf(PAGE).filter(({ info }) => info === "json").map(({ text }) => text);

/** Fields of an object with those of the objects in it, as they stand. */
function shape(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.entries(value).map(([key, inner]) =>
    // Methods depend on the file system.
    key === "copy_methods" ? key : [key, shape(inner)]
  );
}

function isNamed(word: string): boolean {
  return PAGE.includes(`\`${word}\``) || PAGE.includes(`### ${word}\n`);
}

/** The words of a union type in events.ts. */
function wordsOf(type: string): string[] {
  const union = new RegExp(`export type ${type} =([^;]+);`).exec(EVENTS)?.[1] ?? "";
  return [...union.matchAll(/"([\w-]+)"/g)].map(([, word]) => word);
}

async function withPhotos(dir: Scratch): Promise<void> {
  await dir.write({ "photos/a.jpg": "1", "photos/cover": "-> a.jpg", "backup/old": "x" });
}

Deno.test(
  "the summary is as it is shown, and every field is explained",
  scratch(async (dir) => {
    await withPhotos(dir);
    const summary = (await dir.blit("copy", "--json", "photos", "nas")).json();
    assert.deepEqual(shape(summary), shape(JSON.parse(SHOWN[0])));
    for (const field of Object.keys(summary)) assert.ok(isNamed(field), field);
    const failed = (await dir.blit("copy", "--json", "missing", "nas")).json();
    assert.deepEqual(failed, JSON.parse(SHOWN[1]));
  }),
);

Deno.test(
  "events are as they are shown, and every one with every field is explained",
  scratch(async (dir) => {
    await withPhotos(dir);
    const ran = await dir.blit("mirror", "--json", "-p", "-v", "-y", "photos/", "backup");
    const real = new Map<string, string>();
    for (const line of ran.stderr.trim().split("\n")) {
      const event = JSON.parse(line);
      real.set(event.type, Object.keys(event).join());
      for (const field of Object.keys(event)) assert.ok(isNamed(field), `${event.type}: ${field}`);
    }
    for (const line of SHOWN[2].split("\n")) {
      const event = JSON.parse(line);
      assert.equal(Object.keys(event).join(), real.get(event.type), event.type);
    }
  }),
);

Deno.test(
  "entries are as they are shown",
  scratch(async (dir) => {
    await withPhotos(dir);
    const [entry] = (await dir.blit("find", "--json", "--name", "cover", "photos")).json();
    assert.deepEqual(Object.keys(entry), Object.keys(JSON.parse(SHOWN[3])[0]));
    for (const field of Object.keys(entry)) assert.ok(isNamed(field), field);
  }),
);

Deno.test("every kind, method, outcome, phase, action, reason and event has its word", () => {
  const events = [...EVENTS.matchAll(/readonly type: "(\w+)"/g)].map(([, type]) => type);
  assert.ok(events.length > 8, "events.ts is written in another way now");
  const words = [
    ...Object.keys(STATUS),
    ...COPY_METHODS,
    ...Object.values(KIND_NAME).filter((kind) => kind !== "unknown"),
    ...events,
  ];
  for (const type of ["Outcome", "Phase", "ItemAction", "ItemReason"]) {
    const found = wordsOf(type);
    assert.ok(found.length > 3, type);
    words.push(...found);
  }
  assert.deepEqual(words.filter((word) => !isNamed(word)), []);
});
