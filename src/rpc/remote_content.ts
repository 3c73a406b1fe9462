/**
 * How content comes to and goes from a daemon: over the data plane, or where that can't be reached through the control
 * plane; by native code, or where there is none by TypeScript.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { NativePool } from "../native/pool.ts";
import type { RemoteContent, RemoteTree } from "./remote_tree.ts";

/** What content moves with. */
export interface ContentOptions {
  /** The native workers; null: TypeScript moves content. */
  readonly pool: NativePool | null;
  /** Content goes over the control plane, whatever could be reached. */
  readonly forceControlPlane: boolean;
  /** Told once where the data plane can't be used. */
  readonly onWarning: (message: string) => void;
}

/** Makes what moves the content of one tree. */
export function remoteContent(_tree: RemoteTree, _options: ContentOptions): RemoteContent {
  const notYet = () =>
    Promise.reject(
      new BlitError("unsupported", "Cannot send content to a daemon: this build can only receive."),
    );
  return {
    lease: notYet,
    push: notYet,
    beginRun: () => null,
    endRun() {},
    setStreams() {},
    report: () => ({ transport: "control_plane", streams: 1 }),
    close: () => Promise.resolve(),
  };
}
