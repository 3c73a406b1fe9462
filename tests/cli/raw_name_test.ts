/**
 * Names that aren't UTF-8, given as arguments: as they are in the command line, byte for byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Scratch, scratch } from "../support/cli.ts";
import { served, WAYS } from "../support/served.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
/** The permissions of the task, which don't let Deno read its own command line. */
const PERMISSIONS = ["read", "write", "env", "sys", "net", "ffi", "run"].map((name) =>
  `--allow-${name}`
);

/** Runs a script of bash in which `blit` is the command. */
async function bash(dir: Scratch, script: string, ...words: string[]) {
  const command = [Deno.execPath(), "run", "--no-prompt", "--no-check", ...PERMISSIONS, CLI];
  const blit = command.map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("bash", {
    args: ["-c", `blit() { ${blit} "$@"; }; ${script}`, "bash", ...words],
    cwd: dir.path,
    env: { ...dir.env(), LC_ALL: "C", NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await child.output();
  return {
    status: code,
    stdout: new TextDecoder("latin1").decode(stdout),
    stderr: new TextDecoder("latin1").decode(stderr),
  };
}

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test({
  ...onLinux,
  name: "a name that isn't UTF-8 is copied, moved, listed and removed by that name",
  fn: scratch(async (dir) => {
    const { status, stdout, stderr } = await bash(
      dir,
      String.raw`set -e
        printf one > $'\xff\xfe'; mkdir -p dst $'folder\xe9'; printf two > $'folder\xe9/in'
        blit copy $'\xff\xfe' dst/
        blit copy $'\xff\xfe' $'dst/\xfd'
        blit mirror --yes $'folder\xe9/' $'dst/\xfc\xc3\xa9'
        blit copy $'folder\xe9' dst
        ln -s $'folder\xe9' $'link\xe8'; ln -s $'link\xe8' plain; ln -s nowhere $'gone\xe7'
        blit copy $'link\xe8/' followed
        blit copy plain/ 'followed twice'
        blit copy $'link\xe8' 'as it is'
        ! blit copy $'gone\xe7/' never
        ! blit mirror --yes plain/ $'folder\xe9/sub'
        ! blit copy $'link\xe8/../plain' never
        ! blit copy plain/../plain never
        blit move --yes $'dst/\xfd' $'dst/\xfb'
        blit ls $'dst/\xfc\xc3\xa9'
        cmp followed/in 'followed twice/in'; test -L 'as it is'; test ! -e never
        cat $'dst/\xff\xfe' $'dst/\xfb' $'dst/\xfc\xc3\xa9/in' $'dst/folder\xe9/in'
        test ! -e $'dst/\xfd'
        blit rm --yes $'dst/\xfb'
        test ! -e $'dst/\xfb'`,
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, / in\noneonetwotwo/);
  }),
});

Deno.test({
  ...onLinux,
  name: "places with such names overlap like others, and a replacement character is itself",
  fn: scratch(async (dir) => {
    const { stderr } = await bash(
      dir,
      String.raw`printf one > $'\xff'; mkdir -p $'d\xe9' real; ln -s real $'l\xe9'
        printf odd > $'\xef\xbf\xbd'
        blit copy $'\xff' $'\xff'; echo $? >&2
        blit mirror --yes $'d\xe9/' $'d\xe9/sub'; echo $? >&2
        blit copy real/ $'l\xe9/'; echo $? >&2
        blit copy $'\xfe' real/; echo $? >&2
        blit copy $'\xef\xbf\xbd' real/ && cat real/$'\xef\xbf\xbd' >&2`,
    );
    assert.match(
      stderr,
      /same file\.\n1\n.*overlap.*\n1\n.*same directory.*\n1\n.*\\xfe.*No such file.*\n1\n.*odd$/s,
    );
    assert.deepEqual([...Deno.readDirSync(join(dir.path, "real"))].length, 1);
  }),
});

Deno.test({
  ...onLinux,
  name: "a name that isn't UTF-8 goes to a daemon and comes back",
  fn: scratch((dir) =>
    served(dir, WAYS[0], async ({ host }) => {
      const { status, stdout, stderr } = await bash(
        dir,
        String.raw`set -e; printf one > $'\xff\xfe'; mkdir back
          blit copy $'\xff\xfe' "$1:/m/"
          blit copy "$1:/m/"$'\xff\xfe' "$1:/m/"$'\xfd'
          blit copy "$1:/m/"$'\xfd' back/
          blit copy "$1:/m/"$'\xfd' $'back/\xfc'
          cat $'served/\xff\xfe' $'back/\xfd' $'back/\xfc'`,
        host,
      );
      assert.equal(status, 0, stderr);
      assert.match(stdout, /oneoneone$/);
    })
  ),
});
