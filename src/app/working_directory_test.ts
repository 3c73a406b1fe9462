import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { workingDirectory } from "./working_directory.ts";

Deno.test({
  name: "a working directory that was removed is told of with what to do",
  // Windows keeps a folder while somebody stands in it.
  ignore: Deno.build.os === "windows",
  fn: () => {
    const before = workingDirectory();
    const gone = Deno.makeTempDirSync();
    try {
      Deno.chdir(gone);
      Deno.removeSync(gone);
      assert.throws(workingDirectory, (error) => {
        assert.ok(error instanceof BlitError);
        assert.match(error.message, /is gone.*Change to another one/);
        return true;
      });
    } finally {
      Deno.chdir(before);
    }
  },
});
