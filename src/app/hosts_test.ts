import assert from "node:assert/strict";
import { join } from "node:path";
import {
  CREDENTIALS_FILE,
  forgetHost,
  keepToken,
  KNOWN_HOSTS_FILE,
  knownHost,
  rememberHost,
  tokenFor,
} from "./hosts.ts";

const SHA256 = Uint8Array.from({ length: 32 }, (_, i) => i);

async function withFolder(test: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "blit-hosts-" });
  try {
    await test(join(folder, "config"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("hosts and tokens are kept apart by host and port, for their owner alone", () =>
  withFolder((folder) => {
    assert.equal(knownHost(folder, "nas:9031"), null);
    rememberHost(folder, "nas:9031", { kind: "pin", sha256: SHA256 });
    rememberHost(folder, "nas:9040", { kind: "ca", file: "/etc/my ca.pem" });
    rememberHost(folder, "box:9031", { kind: "plain" });
    keepToken(folder, "nas:9031", "blit_abc");
    assert.deepEqual(knownHost(folder, "nas:9031"), { kind: "pin", sha256: SHA256 });
    assert.deepEqual(knownHost(folder, "nas:9040"), { kind: "ca", file: "/etc/my ca.pem" });
    assert.deepEqual(knownHost(folder, "box:9031"), { kind: "plain" });
    assert.equal(tokenFor(folder, "nas:9031"), "blit_abc");
    assert.equal(tokenFor(folder, "nas:9040"), null);
    if (Deno.build.os === "windows") return;
    for (const file of [KNOWN_HOSTS_FILE, CREDENTIALS_FILE]) {
      assert.equal(Deno.statSync(join(folder, file)).mode! & 0o777, 0o600, file);
    }
  }));

Deno.test("a host is forgotten with its token", () =>
  withFolder((folder) => {
    assert.equal(forgetHost(folder, "nas:9031"), false);
    rememberHost(folder, "nas:9031", { kind: "plain" });
    keepToken(folder, "nas:9031", "t");
    assert.equal(forgetHost(folder, "nas:9031"), true);
    assert.equal(knownHost(folder, "nas:9031"), null);
    assert.equal(tokenFor(folder, "nas:9031"), null);
  }));

Deno.test("a line that says nothing of use is an error, not a host that is unknown", () =>
  withFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(join(folder, KNOWN_HOSTS_FILE), "# mine\nnas:9031 SHA256:short\n");
    assert.throws(() => knownHost(folder, "nas:9031"), { kind: "usage" });
  }));

Deno.test("a change leaves comments, and lines that a later version may have written, as they are", () =>
  withFolder((folder) => {
    Deno.mkdirSync(folder);
    const path = join(folder, KNOWN_HOSTS_FILE);
    const others = "# mine\n\nbox:9031  quantum  42\n@tomorrow\n";
    Deno.writeTextFileSync(path, `${others}nas:9031 plain\nnas:9031 ca\n`);
    rememberHost(folder, "nas:9031", { kind: "plain" });
    assert.equal(Deno.readTextFileSync(path), `${others}nas:9031 plain\n`);
    forgetHost(folder, "nas:9031");
    assert.equal(Deno.readTextFileSync(path), others);

    keepToken(folder, "nas:9031", "t");
    forgetHost(folder, "nas:9031");
    keepToken(folder, "nas:9031", "t");
    assert.equal(Deno.readTextFileSync(join(folder, CREDENTIALS_FILE)), "nas:9031 t\n");
  }));

Deno.test("a token is one line of printable characters", () =>
  withFolder((folder) => {
    for (const token of ["", "a b", "a\nb", "x".repeat(5000)]) {
      assert.throws(() => keepToken(folder, "nas:9031", token), { kind: "usage" });
    }
  }));
