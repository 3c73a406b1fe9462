/**
 * A daemon behind a proxy at each port, so that a test can break, alter or stall what passes.
 *
 * @module
 */
import { join } from "node:path";
import type { Scratch } from "./cli.ts";
import { assertNothingStaged, assertRsyncFindsNothing } from "./judges.ts";
import { Proxy } from "./proxy.ts";
import { type Served, served, WAYS } from "./served.ts";
import { randomFile, smallFiles } from "./trees.ts";

/** Directions of a run, seen from where the command is. */
export type Direction = "push" | "pull";

/** Where content passes in that direction. */
export const CONTENT = { push: "fromClient", pull: "fromDaemon" } as const;

/** A daemon behind a proxy at each port, and the two directions through them. */
export interface Wired {
  readonly control: Proxy;
  readonly data: Proxy;
  readonly there: Served;
  /** Arguments of a run, by direction. */
  readonly runs: Record<Direction, readonly [source: string, destination: string]>;
  /** Fails where a run that went that way isn't complete. */
  complete(direction: Direction): void;
}

/** What a wired daemon differs in. */
export interface WiredOptions {
  /** More of its configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The command's surroundings. */
  readonly env?: Readonly<Record<string, string>>;
  /** Small files of the tree; 1,500 unless given. */
  readonly files?: number;
}

/** Serves a folder behind proxies while `test` runs; both sides have the same source, of small files and one of 12 MiB. */
export async function wired(
  dir: Scratch,
  test: (wired: Wired) => Promise<void>,
  { config = {}, env = {}, files = 1500 }: WiredOptions = {},
): Promise<void> {
  const [control, data] = [await Proxy.listen(), await Proxy.listen()];
  try {
    await served(dir, { ...WAYS[0], env }, async (there) => {
      control.target = there.daemon.ready.port;
      data.target = there.daemon.ready.data_port;
      for (const source of [join(dir.path, "src"), join(there.folder, "src")]) {
        smallFiles(source, files);
        randomFile(join(source, "large"), 12);
      }
      const host = `127.0.0.1:${control.port}`;
      await test({
        control,
        data,
        there,
        runs: { push: ["src/", `${host}:/m/dst`], pull: [`${host}:/m/src/`, "dst"] },
        complete(direction) {
          const [source, destination] = direction === "push"
            ? [dir.path, there.folder]
            : [there.folder, dir.path];
          assertRsyncFindsNothing(join(source, "src"), join(destination, "dst"));
          assertNothingStaged(dir.path);
        },
      });
    }, { config: { ...config, advertisedDataPort: data.port } });
  } finally {
    await control.close();
    await data.close();
  }
}
