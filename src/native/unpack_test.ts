import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type CarriedLibrary, keptLibrary, unpackLibrary } from "./unpack.ts";

const ON_UNIX = { ignore: Deno.build.os === "windows" };
const OTHER_USER = 65534;

/** A library whose bytes are counted as they are asked for. */
class Carried implements CarriedLibrary {
  readonly name = "libblit_native.so";
  readonly #bytes: Uint8Array;
  asked = 0;

  constructor(text: string) {
    this.#bytes = new TextEncoder().encode(text);
  }

  get digest(): string {
    return createHash("sha256").update(this.#bytes).digest("hex");
  }

  bytes(): Uint8Array {
    this.asked++;
    return this.#bytes;
  }
}

function inFolder(body: (folder: string) => void): () => void {
  return () => {
    const folder = Deno.makeTempDirSync({ prefix: "blit-unpack-" });
    try {
      body(folder);
    } finally {
      Deno.chmodSync(folder, 0o700);
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

const text = (path: string) => Deno.readTextFileSync(path);
const modeOf = (path: string) => Deno.lstatSync(path).mode! & 0o7777;

Deno.test(
  "a carried library is written once, into a folder for its user alone",
  ON_UNIX,
  inFolder((above) => {
    const library = new Carried("code");
    const folder = join(above, "cache/native");
    const path = keptLibrary(library, folder);
    assert.equal(text(path), "code");
    assert.deepEqual([modeOf(folder), modeOf(path)], [0o700, 0o700]);
    assert.equal(keptLibrary(library, folder), path);
    assert.equal(library.asked, 1);
    assert.deepEqual([...Deno.readDirSync(folder)].length, 1);
  }),
);

Deno.test(
  "a library that was changed, shortened, or opened to others is written again",
  ON_UNIX,
  inFolder((folder) => {
    const library = new Carried("code");
    const path = keptLibrary(library, folder);
    const spoilt: (() => void)[] = [
      () => Deno.writeTextFileSync(path, "evil"),
      () => Deno.truncateSync(path, 2),
      () => Deno.chmodSync(path, 0o722),
      () => {
        Deno.removeSync(path);
        Deno.writeTextFileSync(`${folder}/evil`, "code", { mode: 0o700 });
        Deno.symlinkSync(`${folder}/evil`, path);
      },
    ];
    for (const [i, spoil] of spoilt.entries()) {
      spoil();
      assert.equal(keptLibrary(library, folder), path);
      assert.deepEqual([text(path), library.asked], ["code", i + 2], `case ${i}`);
      assert.ok(Deno.lstatSync(path).isFile);
      assert.equal(modeOf(path), 0o700);
    }
  }),
);

Deno.test(
  "a folder that others can write to, or that is below one, is not used",
  ON_UNIX,
  inFolder((above) => {
    const library = new Carried("code");
    const folder = join(above, "native");
    Deno.mkdirSync(folder, { mode: 0o700 });
    for (const mode of [0o770, 0o705, 0o777, 0o500]) {
      Deno.chmodSync(folder, mode);
      assert.throws(() => keptLibrary(library, folder), /is open to others/);
    }
    Deno.chmodSync(folder, 0o700);
    Deno.chmodSync(above, 0o777);
    assert.throws(() => keptLibrary(library, folder), /which it would be below/);
    // In a sticky folder nobody can rename this one.
    Deno.chmodSync(above, 0o1777);
    assert.equal(text(keptLibrary(library, folder)), "code");
  }),
);

Deno.test({
  name: "a folder or a file of another user is not used, whatever it holds",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: inFolder((above) => {
    const library = new Carried("code");
    const folder = join(above, "native");
    const path = keptLibrary(library, folder);
    Deno.chownSync(path, OTHER_USER, null);
    assert.equal(keptLibrary(library, folder), path);
    assert.deepEqual([Deno.lstatSync(path).uid, library.asked], [0, 2]);
    Deno.chownSync(folder, OTHER_USER, null);
    assert.throws(() => keptLibrary(library, folder), /is somebody else's/);
    Deno.chownSync(folder, 0, null);
    Deno.chownSync(above, OTHER_USER, null);
    assert.throws(() => keptLibrary(library, folder), /which it would be below/);
    Deno.symlinkSync(folder, join(above, "link"));
    assert.throws(() => keptLibrary(library, join(above, "link")), /is somebody else's/);
  }),
});

Deno.test(
  "a damaged program says so, and writes nothing",
  inFolder((folder) => {
    const damaged = { name: "x.so", digest: "0".repeat(64), bytes: () => new Uint8Array(3) };
    Deno.chmodSync(folder, 0o700);
    assert.throws(() => keptLibrary(damaged, folder), /damaged: install it again/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }),
);

Deno.test(
  "versions that were unpacked long ago are removed with the next one",
  inFolder((folder) => {
    const old = keptLibrary(new Carried("old"), folder);
    const recent = keptLibrary(new Carried("recent"), folder);
    Deno.writeTextFileSync(join(folder, "another file"), "");
    const longAgo = new Date(Date.now() - 40 * 24 * 3600 * 1000);
    for (const path of [old, join(folder, "another file")]) Deno.utimeSync(path, longAgo, longAgo);
    const path = keptLibrary(new Carried("new"), folder);
    const left = [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name)).sort();
    assert.deepEqual(left, [recent, path, join(folder, "another file")].sort());
  }),
);

Deno.test(
  "where the user's folder can't be used, a new one is, and goes again",
  ON_UNIX,
  inFolder((folder) => {
    const before = Deno.env.get("CACHE_DIRECTORY");
    Deno.env.set("CACHE_DIRECTORY", folder);
    try {
      Deno.mkdirSync(join(folder, "native"), { mode: 0o755 });
      Deno.chmodSync(join(folder, "native"), 0o755);
      const problems: string[] = [];
      const places = unpackLibrary(new Carried("code"), (words) => problems.push(words));
      const { path, done } = places.next().value!;
      assert.match(problems.join(), /is open to others/);
      assert.ok(!path.startsWith(folder));
      assert.deepEqual([text(path), modeOf(join(path, ".."))], ["code", 0o700]);
      done();
      assert.throws(() => Deno.lstatSync(path), Deno.errors.NotFound);
      assert.ok(places.next().done);
    } finally {
      if (before === undefined) Deno.env.delete("CACHE_DIRECTORY");
      else Deno.env.set("CACHE_DIRECTORY", before);
    }
  }),
);
