import assert from "node:assert/strict";
import { join } from "node:path";
import { readText, watchFile, writeSecret } from "./files.ts";

async function withFolder(test: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "blit-files-" });
  try {
    test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a secret that can't be given its name leaves what was there, and nothing beside it", () =>
  withFolder((folder) => {
    const path = join(folder, "state", "tokens");
    writeSecret(path, "old");
    assert.equal(readText(path), "old");
    if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    // A folder takes no file's name.
    const taken = join(folder, "state", "taken");
    Deno.mkdirSync(join(taken, "full"), { recursive: true });
    assert.throws(() => writeSecret(taken, "new"), { operation: "write" });
    const names = [...Deno.readDirSync(join(folder, "state"))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["taken", "tokens"]);
  }));

Deno.test("a file that isn't there is no text, and one that can't be read is an error", () =>
  withFolder((folder) => {
    assert.equal(readText(join(folder, "nothing")), null);
    assert.throws(() => readText(folder), { operation: "read" });
  }));

Deno.test("a change of a watched file is told of, also once its folder was moved away and another one came", async () => {
  const base = await Deno.makeTempDir({ prefix: "blit-files-" });
  const folder = join(base, "state");
  const path = join(folder, "tokens");
  let told = Promise.withResolvers<void>();
  const stop = watchFile(path, () => told.resolve());
  const next = async () => {
    await told.promise;
    told = Promise.withResolvers<void>();
  };
  try {
    writeSecret(path, "one");
    await next();
    Deno.renameSync(folder, join(base, "old"));
    await next();
    writeSecret(path, "another one");
    await next();
    writeSecret(path, "and one more, in a folder that nobody watches");
    await next();
    Deno.removeSync(path);
    await next();
  } finally {
    stop();
    await Deno.remove(base, { recursive: true });
  }
});
