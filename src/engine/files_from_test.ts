import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { nameToBytes } from "../core/rel_path.ts";
import { readFilesFrom } from "./files_from.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) {
    yield await Promise.resolve(bytes.slice(i, i + size));
  }
}

async function read(list: string, pieceBytes = 7): Promise<string[]> {
  return await Array.fromAsync(readFilesFrom(inPieces(nameToBytes(list), pieceBytes), "list"));
}

Deno.test("a list is cut at lines, whatever the pieces it arrives in", async () => {
  for (const size of [1, 2, 7, 1000]) {
    assert.deepEqual(
      await read("\xef\xbb\xbfa\r\n\n./b/c/\n# no\n./#yes\n a \n.\nx//./y\ncaf\xe9\nlast", size),
      ["a", "b/c", "#yes", " a ", "", "x/y", "caf\xe9", "last"],
    );
  }
});

Deno.test("a list with a NUL is cut at NULs, and its names may hold line ends", async () => {
  for (const size of [1, 3, 1000]) {
    assert.deepEqual(await read("a\nb\0./#c\0#d\0\0e\r\0", size), ["a\nb", "#c", "#d", "e\r"]);
  }
  assert.deepEqual(await read("only\0"), ["only"]);
  assert.deepEqual(await read(""), []);
});

Deno.test("on Windows a backslash separates names, and what has a drive is absolute", async () => {
  const pieces = (list: string) => inPieces(nameToBytes(list), 7);
  const listed = readFilesFrom(pieces("sub\\c.docx\r\n.\\a/b\\\r\n"), "list", "windows");
  assert.deepEqual(await Array.fromAsync(listed), ["sub/c.docx", "a/b"]);
  for (const entry of ["C:\\x", "c:x", "\\x", "\\\\nas\\data"]) {
    const refused = Array.fromAsync(readFilesFrom(pieces(entry), "list", "windows"));
    await assert.rejects(refused, /is an absolute path/, entry);
  }
  await assert.rejects(
    Array.fromAsync(readFilesFrom(pieces("a\\..\\b"), "list", "windows")),
    /leads out/,
  );
  assert.deepEqual(await Array.fromAsync(readFilesFrom(pieces("a\\b\nC:x"), "list", "linux")), [
    "a\\b",
    "C:x",
  ]);
});

Deno.test("a list that is UTF-16, as an older PowerShell writes it, is refused with what to do", async () => {
  for (const size of [1, 3, 1000]) {
    const refusal = /list, .*1: the list is UTF-16\. Write it as UTF-8: dir -Name/;
    await assert.rejects(read("\xff\xfea\0\r\0\n\0", size), refusal);
    await assert.rejects(read("\xfe\xff\0a\0\n", size), refusal);
  }
  assert.deepEqual(await read("\xff\xfea\n"), ["\xff\xfea"]);
});

Deno.test("an entry that leads out of the source is refused with its line", async (t) => {
  const table: [string, RegExp][] = [
    [
      "a\n\n/etc/passwd\n",
      /^list, line 3: "\/etc\/passwd" is an absolute path\. List paths relative/,
    ],
    ["a\n../x\n", /^list, line 2: "\.\.\/x" leads out of the source/],
    ["a/b/..\n", /^list, line 1: /],
    ["a\0b/../../c\0", /^list, entry 2: /],
    ["a\n".repeat(40_000) + "b\0c\n", /^list, line 40001: "b\\x00c" has a NUL in it/],
    ["x".repeat(70_000), /^list, line 1: this entry is over 64 KiB/],
  ];
  for (const [list, message] of table) {
    await t.step(list.slice(0, 10), async () => {
      await assert.rejects(read(list, 4096), (error) => {
        assert.ok(error instanceof BlitError && error.kind === "usage");
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

Deno.test("a long list is read piece by piece, not collected", async () => {
  let taken = 0;
  async function* endless() {
    for (;;) {
      taken++;
      yield await Promise.resolve(nameToBytes("some/path\n".repeat(1000)));
    }
  }
  let count = 0;
  for await (const _ of readFilesFrom(endless(), "list")) if (++count === 50_000) break;
  assert.ok(taken <= 51);
});

Deno.test("lines that came before a pause are there during it", async () => {
  const more = Promise.withResolvers<void>();
  async function* slow() {
    yield nameToBytes("a\nb");
    yield nameToBytes("c\n");
    await more.promise;
    yield nameToBytes("d\n");
  }
  const list = readFilesFrom(slow(), "list");
  assert.deepEqual([(await list.next()).value, (await list.next()).value], ["a", "bc"]);
  more.resolve();
  assert.deepEqual(await Array.fromAsync(list), ["d"]);
});
