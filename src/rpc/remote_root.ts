/**
 * RemoteRoot: the root of a remote tree, opened anew in each session that takes the place of a broken one.
 *
 * @module
 */
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import type { OpenRootResponse } from "../gen/blit/v1/root_pb.ts";
import type { Session } from "./session.ts";

/** Which directory is opened, and how. */
export interface RootOptions {
  /** Directory in the module; empty: the module itself. */
  readonly path: RelPath;
  /** Follow symlinks on the way, as far as they stay in the module. */
  readonly follow?: boolean;
}

/**
 * Opens a directory of the session's module.
 *
 * @param create make it, and missing parents
 * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like, as the daemon says
 */
export function openRoot(
  session: Session,
  { path, follow = false }: RootOptions,
  create: boolean,
): Promise<OpenRootResponse> {
  return session.call((client, name, signal) =>
    client.openRoot({ session: name, path: nameToBytes(path), create, follow }, { signal })
  );
}

/** A root, and what a run holds in it. */
export class RemoteRoot {
  readonly #options: RootOptions;
  /** Markers held in the root, by run: a session that takes the place of a broken one locks them again. */
  readonly #markers = new Map<bigint, Uint8Array>();
  /** The session that it was opened in last. */
  #session: Session;
  #handle: Promise<number>;

  /** @param handle its number in the session where it was opened first */
  constructor(options: RootOptions, session: Session, handle: number) {
    this.#options = options;
    this.#session = session;
    this.#handle = Promise.resolve(handle);
  }

  /** Its number in the session as it is now. */
  async handle(session: Session): Promise<number> {
    session.signal.throwIfAborted();
    if (this.#session !== session) {
      this.#session = session;
      this.#handle = openRoot(session, this.#options, false).then(async ({ root }) => {
        await this.#lockAgain(session, root);
        return root;
      });
    }
    return await this.#handle;
  }

  /** Keeps in mind that a run holds its marker here, which this batch made. */
  hold(runId: bigint, batch: Uint8Array): void {
    this.#markers.set(runId, batch);
  }

  /** Forgets a run's marker. */
  release(runId: bigint): void {
    this.#markers.delete(runId);
  }

  /** Gives it back to the daemon, if it is open in this session. */
  async close(session: Session): Promise<void> {
    if (session.signal.aborted || this.#session !== session) return;
    const root = await this.#handle;
    // Nobody needs the answer, and it would cost a round trip: the end of the session closes the root too.
    session.call((client, name, signal) => client.closeRoot({ session: name, root }, { signal }))
      .catch(() => {});
  }

  /** Where a marker isn't to be had, its old session still holds it: nobody takes it for a leftover. */
  async #lockAgain(session: Session, root: number): Promise<void> {
    for (const [runId, batch] of this.#markers) {
      await session.call((client, name, signal) =>
        client.run({ session: name, root, sourceRoot: 0, runId, batch }, { signal })
      );
    }
  }
}
