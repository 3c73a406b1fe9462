import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { configDirectory, loadSettings } from "./settings.ts";
import { parseSettings } from "./settings_parse.ts";

Deno.test("settings may have comments and trailing commas, and may be missing or empty", async () => {
  const text = `{
    // what everybody leaves out
    "exclude": ["*.tmp", "node_modules/"],
    "color": "never", /* plain */
    "progress": false,
  }`;
  assert.deepEqual(parseSettings(text, "s"), {
    exclude: ["*.tmp", "node_modules/"],
    color: "never",
    progress: false,
  });
  assert.deepEqual(parseSettings("", "s"), {});
  assert.deepEqual(await loadSettings("/nonexistent/blit"), {});
});

const MISTAKES: [text: string, place: string, message: RegExp][] = [
  ['{\n  "gitignroe": true\n}', "2:3", /unknown setting "gitignroe". Did you mean "gitignore"\?/],
  ['{"xyzzy": 1}', "1:2", /unknown setting "xyzzy". Known: progress/],
  ['{\n  "fsync": "yes"\n}', "2:12", /"fsync": expected true or false/],
  ['{"color": "blue"}', "1:11", /"color": expected "auto", "always" or "never"/],
  ['{"exclude": ["a",\n 7]}', "2:2", /"exclude\[1\]": expected a glob in quotes/],
  ['{"exclude": "a"}', "1:13", /"exclude": expected a list/],
  ['{"fsync": true, "fsync": false}', "1:17", /"fsync" is there twice/],
  ['{"fsync": tru}', "1:11", /invalid symbol/],
  ['{"fsync": true', "1:15", /close brace expected/],
  ["[]", "1:1", /expected an object/],
  ['{"ä": 1}', "1:2", /unknown setting/],
  ['{"__proto__": 1}', "1:2", /unknown setting/],
];

for (const [text, place, message] of MISTAKES) {
  Deno.test(`the mistake in ${JSON.stringify(text)} is reported at ${place}`, () => {
    assert.throws(
      () => parseSettings(text, "settings.jsonc"),
      (error) =>
        error instanceof BlitError && error.kind === "usage" &&
        error.message.startsWith(`settings.jsonc:${place}: `) && message.test(error.message),
    );
  });
}

Deno.test("the configuration folder is what was given, else XDG's, else .config", () => {
  assert.equal(configDirectory("/c", "/cwd"), resolve("/c"));
  assert.equal(configDirectory("c", "/cwd"), resolve("/cwd", "c"));
  const before = Deno.env.get("XDG_CONFIG_HOME"), home = Deno.env.get("HOME");
  try {
    Deno.env.set("XDG_CONFIG_HOME", "/xdg");
    assert.equal(configDirectory(undefined, "/cwd"), join("/xdg", "blit"));
    Deno.env.set("XDG_CONFIG_HOME", "relative");
    const own = Deno.build.os === "windows"
      ? join(Deno.env.get("APPDATA")!, "blit")
      : join(Deno.env.get("HOME")!, ".config", "blit");
    assert.equal(configDirectory(undefined, "/cwd"), own);
    if (Deno.build.os !== "windows") {
      // As in a service of root's: what the system has for the user.
      Deno.env.delete("HOME");
      const there = join(userInfo().homedir, ".config", "blit");
      assert.equal(configDirectory(undefined, "/cwd"), there);
    }
  } finally {
    if (home !== undefined) Deno.env.set("HOME", home);
    if (before === undefined) Deno.env.delete("XDG_CONFIG_HOME");
    else Deno.env.set("XDG_CONFIG_HOME", before);
  }
});
