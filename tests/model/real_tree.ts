/**
 * Small trees on a real file system: made from plain values, and read back as such.
 *
 * @module
 */
import fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";

/** What one entry of a tree is to be. */
export type Spec =
  & { readonly mtime: number; readonly uid: number }
  & (
    | { readonly kind: "file"; readonly content: string; readonly mode: number }
    | { readonly kind: "directory"; readonly mode: number }
    | { readonly kind: "fifo"; readonly mode: number }
    | { readonly kind: "symlink"; readonly target: string }
    /** A further name of the nth entry before it that isn't a directory; a file where there is none. */
    | { readonly kind: "link"; readonly nth: number }
    /** A further name of the nth such entry of the other tree, where that can be. */
    | { readonly kind: "shared"; readonly nth: number }
  );

/** Entries by path, parents before what is in them. */
export type TreeSpec = readonly (readonly [path: string, spec: Spec])[];

/** One entry as it is. */
export interface Seen {
  readonly kind: "file" | "directory" | "symlink" | "fifo";
  /** A file's content, a symlink's target, else empty. */
  readonly content: string;
  readonly mode: number;
  readonly owner: string;
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  /** Inode and birth: what two names of one file share. */
  readonly inode: string;
  /** It has another name, in this tree or elsewhere; never said of a folder. */
  readonly isLinked: boolean;
}

/** A tree as it is, by path; its root is under `""`. */
export type Tree = ReadonlyMap<string, Seen>;

/** Half a second among whole ones: both differ in nothing but what is below a second. */
export const TIMES = [1_000_000_000, 1_500_000_000, 1_500_000_000.5, 1_600_000_000] as const;

const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;
const NAMES = ["a", "b", "c.o", "d.c"] as const;
const GITIGNORES = ["*.o\n", "/a\n", "b/\n*.o\n!c.o\n", "a/b\n"];

const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 });
const mtime = fc.constantFrom(...TIMES);
const uid = fc.constantFrom(0, 0, 0, isRoot ? 1000 : 0);
const fileMode = fc.constantFrom(0o644, 0o644, 0o444, 0o755);
const folderMode = fc.constantFrom(0o755, 0o755, 0o700, 0o555);
const content = fc.constantFrom("", "x", "y", "longer", "LONGER", "z".repeat(3000));

const file = fc.record({ kind: fc.constant("file" as const), content, mode: fileMode, mtime, uid });
const folder = fc.record({
  kind: fc.constant("directory" as const),
  mode: folderMode,
  mtime,
  uid,
});
const entry: fc.Arbitrary<Spec> = fc.oneof(
  { weight: 8, arbitrary: file },
  { weight: 3, arbitrary: folder },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("symlink" as const),
      target: fc.constantFrom("a", "b", "../a", "nowhere"),
      mtime,
      uid,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("link" as const), nth: fc.nat(5), mtime, uid }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("fifo" as const), mode: fileMode, mtime, uid }),
  },
);
const gitignore = fc.tuple(
  fc.constantFrom<readonly string[]>([], ["a"]),
  fc.record({
    kind: fc.constant("file" as const),
    content: fc.constantFrom(...GITIGNORES),
    mode: fc.constant(0o644),
    mtime,
    uid,
  }),
).map(([above, spec]) => [[...above, ".gitignore"], spec] as [string[], Spec]);

const placed = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(path, entry) },
  { weight: 1, arbitrary: gitignore },
);

/** Makes of a list what fits together: the first comer has the name, and folders on the way are made. */
function fit(entries: readonly (readonly [readonly string[], Spec])[]): TreeSpec {
  const made = new Map<string, Spec>();
  for (const [parts, spec] of entries) {
    const above = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
    const at = parts.join("/");
    if (made.has(at) || above.some((on) => (made.get(on)?.kind ?? "directory") !== "directory")) {
      continue;
    }
    for (const on of above) {
      if (!made.has(on)) made.set(on, { kind: "directory", mode: 0o755, mtime: TIMES[1], uid: 0 });
    }
    made.set(at, spec);
  }
  return [...made];
}

const shared = fc.tuple(
  path,
  fc.record({ kind: fc.constant("shared" as const), nth: fc.nat(5), mtime, uid }),
);

/** A source, and a destination that has much in common with it. */
export const twoTrees: fc.Arbitrary<{ from: TreeSpec; to: TreeSpec }> = fc.tuple(
  fc.array(placed, { maxLength: 9 }),
  fc.array(fc.oneof({ weight: 15, arbitrary: placed }, { weight: 1, arbitrary: shared }), {
    maxLength: 6,
  }),
  fc.array(fc.nat(3), { minLength: 9, maxLength: 9 }),
).map(([source, own, fates]) => {
  const shared = source.filter((_, i) => fates[i] >= 2);
  // What is its own may come before what is shared, and takes its name then.
  const first = own.filter((_, i) => fates[i] % 2 === 0);
  const last = own.filter((_, i) => fates[i] % 2 === 1);
  return { from: fit(source), to: fit([...first, ...shared, ...last]) };
});

/**
 * Makes a tree in an empty folder.
 *
 * @param others what entries of the kind `shared` may be names of
 * @returns paths of what can be a name of several
 */
export function makeTree(
  root: string,
  spec: TreeSpec,
  others: readonly string[] = [],
): readonly string[] {
  const files: string[] = [];
  const fifos: string[] = [];
  for (const [at, entry] of spec) {
    const path = join(root, at);
    if (entry.kind === "directory") fs.mkdirSync(path);
    else if (entry.kind === "symlink") fs.symlinkSync(entry.target, path);
    else if (entry.kind === "fifo") fifos.push(path);
    else if (entry.kind === "file") fs.writeFileSync(path, entry.content);
    else if (entry.kind === "shared" && others.length > 0) {
      fs.linkSync(others[entry.nth % others.length], path);
      continue;
    } else if (files.length === 0) {
      fs.writeFileSync(path, "x");
      fs.lutimesSync(path, entry.mtime, entry.mtime);
    } else {
      fs.linkSync(files[entry.nth % files.length], path);
      continue;
    }
    if (entry.kind === "file" || entry.kind === "symlink") files.push(path);
  }
  if (fifos.length > 0) new Deno.Command("mkfifo", { args: fifos }).outputSync();
  // The deepest first: what is made in a folder changes its time.
  for (const [at, entry] of [...spec].reverse()) {
    if (entry.kind === "link" || entry.kind === "shared") continue;
    const path = join(root, at);
    if (isRoot) fs.lchownSync(path, entry.uid, entry.uid);
    if (entry.kind !== "symlink") fs.chmodSync(path, entry.mode);
    fs.lutimesSync(path, entry.mtime, entry.mtime);
  }
  return files;
}

/** Reads a tree. */
export function readTree(root: string): Tree {
  const tree = new Map<string, Seen>();
  const visit = (at: string) => {
    const path = at === "" ? root : join(root, at);
    const stat = fs.lstatSync(path, { bigint: true });
    const kind = stat.isDirectory()
      ? "directory"
      : stat.isSymbolicLink()
      ? "symlink"
      : stat.isFIFO()
      ? "fifo"
      : "file";
    const content = kind === "file"
      ? fs.readFileSync(path, "latin1")
      : kind === "symlink"
      ? fs.readlinkSync(path)
      : "";
    tree.set(at, {
      kind,
      content,
      mode: Number(stat.mode) & 0o7777,
      owner: `${stat.uid}:${stat.gid}`,
      mtimeNs: stat.mtimeNs,
      sizeBytes: kind === "file" ? content.length : 0,
      inode: `${stat.ino}/${stat.birthtimeNs}`,
      isLinked: kind !== "directory" && stat.nlink > 1n,
    });
    if (kind !== "directory") return;
    for (const name of fs.readdirSync(path).sort()) visit(at === "" ? name : `${at}/${name}`);
  };
  try {
    visit("");
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  return tree;
}

/** Removes a tree, with folders in it that nothing may be removed from. */
export function removeTree(root: string): void {
  const open = (path: string) => {
    fs.chmodSync(path, 0o700);
    for (const { name, isDirectory } of Deno.readDirSync(path)) {
      if (isDirectory) open(join(path, name));
    }
  };
  open(root);
  Deno.removeSync(root, { recursive: true });
}
