/**
 * The service `Admin`: looking at modules, and clearing up in them, without a session.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { compileCriteria } from "../app/find.ts";
import { entriesOf, type Found, type Lookable, usageOf } from "../app/manage.ts";
import { removeEntry } from "../app/remove.ts";
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { KIND_NAME } from "../core/kind_name.ts";
import { displayName, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import {
  type Admin,
  type Entry,
  type EntryFailure,
  EntryFailureSchema,
  EntrySchema,
  type FindRequest,
  type Place,
} from "../gen/blit/v1/admin_pb.ts";
import { pathFromPeer } from "../rpc/convert.ts";
import { callerOf } from "../rpc/service/calls.ts";
import type { Caller, ModuleSpec, ServiceHost } from "../rpc/service/host.ts";
import { requireRight, rightsIn } from "../rpc/service/rights.ts";
import type { SessionTable } from "../rpc/service/session_table.ts";
import { LocalTree } from "../tree/local.ts";

/** Entries in one message. */
const PER_MESSAGE = 1024;
/** Globs of one request, and the length of one. */
const MOST_GLOBS = 64, LONGEST_GLOB = 4096;

/** Makes the service's calls. */
export function adminService(
  host: ServiceHost,
  table: SessionTable,
): Partial<ServiceImpl<typeof Admin>> {
  const rights = (caller: Caller, module: ModuleSpec) => rightsIn(module, caller.access(module));
  return {
    listModules(_request, context) {
      const caller = callerOf(context);
      const seen = host.modules().filter((module) => caller.access(module) !== null);
      return {
        modules: seen.map((module) => ({
          name: module.name,
          comment: module.comment,
          readOnly: module.readOnly,
          rights: [...rights(caller, module)],
        })),
      };
    },

    async *list({ place, recursive }, context) {
      const opened = await open(host, table, place, context);
      try {
        yield* inMessages(entriesOf(opened, { recursive }), () => true);
      } finally {
        await opened.tree.close();
      }
    },

    async *find(request, context) {
      const wanted = matcher(request);
      const opened = await open(host, table, request.place, context);
      try {
        yield* inMessages(entriesOf(opened, { recursive: true }), wanted);
      } finally {
        await opened.tree.close();
      }
    },

    async *diskUsage({ place, maxDepth }, context) {
      const opened = await open(host, table, place, context);
      let failure: EntryFailure | undefined;
      try {
        for await (const usage of usageOf(opened, { oneFileSystem: false })) {
          if ("error" in usage) failure = failed(usage.path, usage.error);
          else if (maxDepth === undefined || usage.depth <= maxDepth) {
            yield {
              path: nameToBytes(usage.path),
              allocatedBytes: BigInt(usage.allocatedBytes),
              apparentBytes: BigInt(usage.apparentBytes),
              files: BigInt(usage.files),
              directories: BigInt(usage.directories),
              failure,
            };
            failure = undefined;
          }
        }
      } finally {
        await opened.tree.close();
      }
    },

    async fsStats({ place }, context) {
      const opened = await open(host, table, place, context);
      try {
        const facts = await opened.tree.probe();
        return {
          type: facts.type,
          totalBytes: BigInt(facts.totalBytes),
          freeBytes: BigInt(facts.freeBytes),
          freeInodes: BigInt(facts.freeInodes),
          readOnly: facts.readOnly,
        };
      } finally {
        await opened.tree.close();
      }
    },

    async purge({ place, dryRun }, context) {
      const caller = callerOf(context);
      const module = table.module(place?.module ?? "", caller);
      const holder = {
        rights: rights(caller, module),
        module: module.name,
        readOnly: module.readOnly,
      };
      requireRight(holder, "delete", "delete");
      const path = pathFromPeer(place?.path ?? new Uint8Array(0));
      if (path === "") {
        throw new BlitError("refused", "Refusing to delete a whole module: name what is in it.");
      }
      const failures: EntryFailure[] = [];
      const base = await openModule(host, module);
      try {
        const result = await removeEntry(base, path, displayName(path), {
          dryRun,
          signal: context.signal,
          onFailure: (at, error) => {
            if (failures.length < PER_MESSAGE) failures.push(failed(at, error));
          },
        });
        return {
          entries: BigInt(result.entriesDeleted),
          bytes: BigInt(result.bytesDeleted),
          failures,
        };
      } finally {
        await base.close();
      }
    },
  };
}

/** Opens a place of a module, as a tree below it where it is a directory. */
async function open(
  host: ServiceHost,
  table: SessionTable,
  place: Place | undefined,
  context: HandlerContext,
): Promise<Lookable> {
  const module = table.module(place?.module ?? "", callerOf(context));
  const path = pathFromPeer(place?.path ?? new Uint8Array(0));
  const base = await openModule(host, module);
  try {
    const block = await base.stat([path]);
    if (block.status(0) !== 0) throw unreadable(block, path);
    if (block.kind(0) !== Kind.directory) {
      return { tree: base, located: { entry: path, isDirectory: false }, block, index: 0 };
    }
    const tree = await LocalTree.openBeneath(base, path, { create: false, follow: false });
    await base.close();
    return { tree, located: { entry: "", isDirectory: true }, block, index: 0 };
  } catch (error) {
    await base.close();
    throw error;
  }
}

async function openModule(host: ServiceHost, module: ModuleSpec): Promise<LocalTree> {
  try {
    return await LocalTree.open(module.path, { pool: host.pool });
  } catch (error) {
    if (!(error instanceof BlitError)) throw error;
    throw new BlitError(
      error.kind,
      "The module's folder can't be opened on the daemon's machine. The daemon's log says why.",
    );
  }
}

function unreadable(block: EntryBlock, path: RelPath): BlitError {
  const step = STEPS.indexOf("read metadata of");
  const advice = block.status(0) === STATUS.not_found ? "Check the path." : undefined;
  return describeFailure({
    status: block.status(0),
    os: block.os(0),
    step,
    path,
    isServed: true,
    advice,
  });
}

type Wanted = (path: RelPath, block: EntryBlock, index: number) => boolean;

async function* inMessages(
  found: AsyncIterable<Found>,
  wanted: Wanted,
): AsyncGenerator<{ entries: Entry[]; failures: EntryFailure[] }> {
  let message = { entries: [] as Entry[], failures: [] as EntryFailure[] };
  for await (const entry of found) {
    if ("error" in entry) message.failures.push(failed(entry.path, entry.error));
    else if (wanted(entry.path, entry.block, entry.index)) message.entries.push(entryOf(entry));
    if (message.entries.length + message.failures.length >= PER_MESSAGE) {
      yield message;
      message = { entries: [], failures: [] };
    }
  }
  if (message.entries.length + message.failures.length > 0) yield message;
}

function entryOf({ path, block, index: i }: Exclude<Found, { error: BlitError }>): Entry {
  return create(EntrySchema, {
    path: nameToBytes(path),
    kind: KIND_NAME[block.kind(i)],
    size: BigInt(block.sizeBytes(i)),
    mtimeNs: block.mtimeNs(i),
    mode: block.mode(i),
    uid: block.uid(i),
    gid: block.gid(i),
    target: nameToBytes(block.target(i)),
  });
}

function failed(path: RelPath, error: BlitError): EntryFailure {
  const { kind, message } = error;
  return create(EntryFailureSchema, { path: nameToBytes(path), kind, message });
}

function matcher(request: FindRequest): Wanted {
  const { globs, kinds, minSize, maxSize } = request;
  if (globs.length > MOST_GLOBS || globs.some((glob) => glob.length > LONGEST_GLOB)) {
    throw new BlitError(
      "usage",
      `Cannot search with more than ${MOST_GLOBS} globs, or longer ones.`,
    );
  }
  const nowMs = Date.now();
  const patterns = globs.map((pattern) => compileCriteria({ pattern, ignoreCase: false, nowMs }));
  return (path, block, i) =>
    (patterns.length === 0 || patterns.some((matches) => matches(path, block, i))) &&
    (kinds.length === 0 || kinds.includes(KIND_NAME[block.kind(i)])) &&
    (minSize === undefined || block.sizeBytes(i) >= Number(minSize)) &&
    (maxSize === undefined || block.sizeBytes(i) <= Number(maxSize));
}
