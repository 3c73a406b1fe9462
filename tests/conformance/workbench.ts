/**
 * What the cases of the conformance suite work with: a pair of trees that is filled, changed and looked
 * at through the Tree interface alone, so that every backend can be on either side.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type EntryBlock, Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { kindOfStatus } from "../../src/core/error.ts";
import { joinRel, parentOf, type RelPath } from "../../src/core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  type Results,
  STEPS,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import type { RunContext, Tree } from "../../src/engine/tree.ts";
import { MemoryTree, type TreeSpec } from "../../src/tree/memory.ts";
import { need, needsSymlinks } from "../support/needs.ts";

/** Two empty trees and the way to get rid of them. */
export interface TreePair {
  readonly source: Tree;
  readonly destination: Tree;
  /** How a case's own source in memory is reached, where not directly. */
  reach?(source: MemoryTree): Tree;
  dispose(): Promise<void>;
}

/** What a tree shows of a mode that it was given: where it keeps none, whether the owner of a file may write it. */
export function shownMode({ traits }: Tree, mode: number, kind: Kind = Kind.file): number {
  if (traits.modes) return mode;
  return kind !== Kind.file ? 0o755 : (mode & 0o200) === 0 ? 0o444 : 0o644;
}

/** One item for {@link Workbench.submit}: fields come from `seen`, unless they are given. */
export interface BatchItem {
  readonly path: RelPath;
  readonly action?: number;
  readonly target?: RelPath;
}

let runs = 0x1000n;

/** A case's trees, with a run begun on the destination. */
export class Workbench {
  readonly source: Tree;
  readonly destination: Tree;
  readonly abort = new AbortController();
  readonly run: RunContext;
  readonly #reach: (source: Tree) => Tree;

  constructor(pair: TreePair) {
    this.#reach = (tree) => tree instanceof MemoryTree && pair.reach ? pair.reach(tree) : tree;
    this.source = pair.source;
    this.destination = pair.destination;
    this.run = this.destination.beginRun(++runs, this.abort.signal);
  }

  /** Begins a further run on the destination. */
  otherRun(): RunContext {
    return this.destination.beginRun(++runs, new AbortController().signal);
  }

  /** Makes entries in a tree, by copying them from memory. */
  async seed(tree: Tree, spec: TreeSpec): Promise<void> {
    const memory = MemoryTree.of(spec);
    if (!(tree instanceof MemoryTree) && Object.values(spec).some(isSymlink)) need(needsSymlinks());
    const paths: RelPath[] = [];
    const directories: RelPath[] = [];
    const links: [RelPath, RelPath][] = [];
    for (const path of Object.keys(memory.snapshot())) {
      const entry = spec[path];
      if (path.endsWith("/")) directories.push(path.slice(0, -1));
      else if (isHardlink(entry)) links.push([path, entry.hardlink]);
      else paths.push(path);
    }
    const run = tree.beginRun(++runs, new AbortController().signal);
    const batch = new BatchBuilder(Op.copy);
    batch.flags = BatchFlag.xattrs;
    for (const name of directories) {
      const action = CopyAction.parentCreate;
      batch.items.add({ name, kind: Kind.directory, parent: NO_PARENT, action });
    }
    const seen = await memory.stat(paths);
    paths.forEach((_, i) => batch.items.addFrom(seen, i, NO_PARENT, CopyAction.create));
    expectDone(await tree.run(new WorkBatch(batch.finish()), memory, run));
    for (const [path, target] of links) {
      const link = new BatchBuilder(Op.link);
      link.items.add({ name: path, kind: Kind.file, parent: NO_PARENT, action: 2, target });
      expectDone(await tree.run(new WorkBatch(link.finish()), null, run));
    }
    const meta = new BatchBuilder(Op.meta);
    // Deepest first: a child's stamp must not touch its parent's again.
    const finished = directories.reverse();
    const folders = await memory.stat(finished);
    finished.forEach((_, i) => meta.items.addFrom(folders, i, NO_PARENT, 0));
    expectDone(await tree.run(new WorkBatch(meta.finish()), null, run));
    tree.endRun(run);
  }

  /**
   * Copies entries from a tree to the destination, each through a parent record that makes what is
   * missing. Results are of the entries alone.
   */
  async copy(
    paths: readonly RelPath[],
    options: {
      readonly source?: Tree;
      readonly action?: number;
      readonly flags?: number;
      readonly run?: RunContext;
    } = {},
  ): Promise<ItemResult[]> {
    const { source = this.source, action = CopyAction.create, flags = 0, run = this.run } = options;
    const batch = new BatchBuilder(Op.copy);
    batch.flags = flags;
    const parents = new Map<RelPath, number>();
    for (const name of new Set(paths.map(parentOf))) {
      const index = batch.items.add({
        name,
        kind: Kind.directory,
        parent: NO_PARENT,
        action: CopyAction.parentCreate,
      });
      parents.set(name, index);
    }
    const seen = await source.stat(paths);
    const isLink = paths.some((_, i) => seen.kind(i) === Kind.symlink);
    if (isLink && !(this.destination instanceof MemoryTree)) need(needsSymlinks());
    paths.forEach((path, i) => {
      const name = path.slice(path.lastIndexOf("/") + 1);
      const parent = parents.get(parentOf(path))!;
      batch.items.addFrom(seen, i, parent, action, latin1(name));
    });
    const work = new WorkBatch(batch.finish());
    const results = await this.destination.run(work, this.#reach(source), run);
    return itemResults(results).slice(parents.size);
  }

  /** Runs any other batch on the destination; items have the fields of `seen`, in order. */
  async submit(
    op: Op,
    seen: EntryBlock,
    options: {
      readonly items?: readonly BatchItem[];
      readonly flags?: number;
      readonly source?: Tree | null;
      readonly run?: RunContext;
      readonly tree?: Tree;
    } = {},
  ): Promise<ItemResult[]> {
    const { flags = 0, source = null, run = this.run, tree = this.destination } = options;
    const batch = new BatchBuilder(op);
    batch.flags = flags;
    for (let i = 0; i < seen.count; i++) {
      const item = options.items?.[i];
      batch.items.addFrom(
        seen,
        i,
        NO_PARENT,
        item?.action ?? 0,
        latin1(item?.path ?? seen.name(i)),
        latin1(item?.target ?? ""),
      );
    }
    const work = new WorkBatch(batch.finish());
    return itemResults(await (op === Op.hash ? tree.hash(work, run) : tree.run(work, source, run)));
  }

  /** Creates, or lets go, a run's marker in the destination. */
  async marker(run: RunContext, parameter0: bigint, parameter1 = 0n): Promise<string> {
    const batch = new BatchBuilder(Op.marker);
    batch.parameter0 = parameter0;
    batch.parameter1 = parameter1;
    const results = await this.destination.run(new WorkBatch(batch.finish()), null, run);
    return itemResults(results)[0].status;
  }
}

/** One result, with its status as a word. */
export interface ItemResult {
  readonly status: string;
  /** What was being done when it failed. */
  readonly step: string;
  readonly flags: number;
  readonly inode: bigint;
  readonly mtimeNs: bigint;
  readonly digest: string;
  readonly xattrDigest: bigint;
  readonly bytesMoved: number;
}

/** Unpacks results. */
export function itemResults(results: Results): ItemResult[] {
  return Array.from({ length: results.count }, (_, i) => ({
    status: statusWord(results.status(i)),
    step: STEPS[results.step(i)],
    flags: results.flags(i),
    inode: results.inode(i),
    mtimeNs: results.mtimeNs(i),
    digest: hex(results.digest(i)),
    xattrDigest: results.xattrDigest(i),
    bytesMoved: results.bytesMoved(i),
  }));
}

/** A status number as a word, `ok` for 0. */
export function statusWord(status: number): string {
  return status === 0 ? "ok" : kindOfStatus(status);
}

/** Bytes in hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The statuses of results, in order. */
export function statuses(results: readonly ItemResult[]): string[] {
  return results.map(({ status }) => status);
}

/** All blocks of one directory. */
export async function listing(
  tree: Tree,
  directory: RelPath,
  options: { sorted?: boolean; staged?: boolean } = {},
): Promise<EntryBlock[]> {
  const blocks: EntryBlock[] = [];
  for await (const block of tree.list(directory, { sorted: true, ...options })) blocks.push(block);
  return blocks;
}

/** The names of one directory, in the order they came in. */
export async function names(
  tree: Tree,
  directory: RelPath,
  options: { sorted?: boolean; staged?: boolean } = {},
): Promise<RelPath[]> {
  const blocks = await listing(tree, directory, options);
  return blocks.flatMap((block) => Array.from({ length: block.count }, (_, i) => block.name(i)));
}

/** The whole tree: directories end in `/`, files have their content, links their target. */
export async function contents(
  tree: Tree,
  run: RunContext,
  directory: RelPath = "",
): Promise<Record<RelPath, string | null>> {
  const found: Record<RelPath, string | null> = {};
  for (const block of await listing(tree, directory, { staged: true })) {
    for (let i = 0; i < block.count; i++) {
      const path = joinRel(directory, block.name(i));
      const kind = block.kind(i);
      if (kind === Kind.directory) {
        found[`${path}/`] = null;
        Object.assign(found, await contents(tree, run, path));
      } else if (kind === Kind.symlink) found[path] = `-> ${block.target(i)}`;
      else if (kind === Kind.file) found[path] = await text(tree, run, path);
      else found[path] = String(kind);
    }
  }
  return found;
}

/** A file's content as text. */
export async function text(tree: Tree, run: RunContext, path: RelPath): Promise<string> {
  const reader = await tree.openFile(path, run);
  const decoder = new TextDecoder();
  let whole = "";
  for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
    whole += decoder.decode(piece, { stream: true });
  }
  await reader.close();
  return whole + decoder.decode();
}

function expectDone(results: Results): void {
  for (const { status } of itemResults(results)) assert.equal(status, "ok", "while seeding");
}

function isSymlink(entry: unknown): boolean {
  return typeof entry === "object" && entry !== null && "link" in entry;
}

function isHardlink(entry: unknown): entry is { readonly hardlink: RelPath } {
  return typeof entry === "object" && entry !== null && "hardlink" in entry;
}

function latin1(name: RelPath): Uint8Array {
  return Uint8Array.from(name, (char) => char.charCodeAt(0));
}
