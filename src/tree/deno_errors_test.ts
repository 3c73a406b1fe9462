import assert from "node:assert/strict";
import { fromDenoError } from "./deno_errors.ts";

Deno.test("a path that Deno opens to --allow-all alone is told of without naming its flags", () => {
  const thrown = new Deno.errors.NotCapable(
    'Requires all access to "/dev/shm", run again with the --allow-all flag',
  );
  const { kind, message } = fromDenoError(thrown, "read metadata of", "/dev/shm");
  assert.equal(kind, "permission");
  assert.equal(
    message,
    'Cannot read metadata of "/dev/shm": Deno keeps blit out of /dev, /proc and /sys. Choose another folder.',
  );
});
