import assert from "node:assert/strict";
import { libraryName } from "../src/native/library_name.ts";
import { buildNative, type BuildOutcome } from "./build.ts";

/** A project whose cargo is a script that counts its calls and writes a library, slowly. */
class Project {
  readonly #path = Deno.makeTempDirSync({ prefix: "blit-build-" });
  readonly said: string[] = [];
  cargo = `${this.#path}/cargo`;

  constructor(exitCode = 0) {
    this.write("Cargo.toml", "[package]\n");
    this.write("src/lib.rs", "// 1\n");
    const library = `target/release/${libraryName()}`;
    this.write(
      "cargo",
      `#!/bin/sh\necho called >>calls\n[ ${exitCode} = 0 ] || exit ${exitCode}\nsleep 0.2\n` +
        `mkdir -p target/release\necho library >${library}\n`,
    );
    Deno.chmodSync(this.cargo, 0o755);
  }

  write(path: string, text: string): void {
    const file = `${this.#path}/${path}`;
    Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(file, text);
  }

  async build(): Promise<BuildOutcome["kind"]> {
    const outcome = await buildNative({
      folder: new URL(`file://${this.#path}/`),
      cargo: this.cargo,
      say: (line) => this.said.push(line),
    });
    return outcome.kind;
  }

  get calls(): number {
    try {
      return Deno.readTextFileSync(`${this.#path}/calls`).trim().split("\n").length;
    } catch {
      return 0;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#path, { recursive: true });
  }
}

const options = { ignore: Deno.build.os === "windows" };

Deno.test(
  "the library is built once, and again after any change of its sources",
  options,
  async () => {
    using project = new Project();
    assert.equal(await project.build(), "built");
    assert.deepEqual(project.said, ["Building the native library (once, about a minute)…"]);
    assert.equal(await project.build(), "fresh");
    for (
      const change of [
        () => project.write("src/lib.rs", "// changed\n"),
        () => project.write("src/copy/linux.rs", "// new\n"),
        () => project.write("Cargo.lock", "# new\n"),
        () => project.write(`target/release/${libraryName()}`, "somebody else's\n"),
      ]
    ) {
      change();
      assert.equal(await project.build(), "built");
      assert.equal(await project.build(), "fresh");
    }
    assert.equal(project.calls, 5);
  },
);

Deno.test("of several starts at once one builds, and the others wait for it", options, async () => {
  using project = new Project();
  const outcomes = await Promise.all([project.build(), project.build(), project.build()]);
  assert.deepEqual(outcomes.sort(), ["built", "fresh", "fresh"]);
  assert.equal(project.calls, 1);
});

Deno.test("without cargo nothing is built and nothing is said", options, async () => {
  using project = new Project();
  project.cargo = "/nonexistent/cargo";
  assert.equal(await project.build(), "no-cargo");
  assert.deepEqual(project.said, []);
});

Deno.test("a failed build is tried again the next time", options, async () => {
  using project = new Project(7);
  assert.equal(await project.build(), "failed");
  assert.equal(await project.build(), "failed");
  assert.equal(project.calls, 2);
});
