/**
 * Runs of the library over real folders: here, or to and from a daemon on the loopback.
 *
 * @module
 */
import { join } from "node:path";
import { serve, type Served } from "../../daemon.ts";
import {
  copy,
  mirror,
  move,
  type RunEvent,
  type TransferOptions,
  type TransferResult,
} from "../../mod.ts";
import { rememberHost } from "../../src/app/hosts.ts";
import type { Case } from "./choices.ts";
import { makeTree, removeTree, type TreeSpec } from "./real_tree.ts";

/** Which side a daemon has; `within`: one daemon has both; `between`: each has one, and the destination's pulls. */
export type Route = "local" | "push" | "pull" | "within" | "between";

/** Every route. */
export const ROUTES: readonly Route[] = ["local", "push", "pull", "within", "between"];

/** How many cases of a route are tried: as many as are asked for, else what takes a few seconds. */
export function runsOf(route: Route): number {
  const asked = Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 0);
  return asked || (route === "local" ? 30 : 7);
}

/** How a run ended, and what it said of each entry. */
export interface Ran extends TransferResult {
  /** `action path (reason)`, sorted. */
  readonly items: readonly string[];
}

/** A folder in which cases are tried. */
export interface Ground {
  readonly path: string;
  /** Where a second file system begins, for what is to cross two; else as {@link Ground.path}. */
  readonly other: string;
  /** `host:port:/m` of the daemons that serve {@link Ground.path}; null for the side that has none. */
  readonly hosts: { readonly from: string | null; readonly to: string | null };
  readonly options: TransferOptions;
}

/** The two folders of one case. */
export interface Places {
  /** The source's root. */
  readonly from: string;
  /** Where the source's root, or the single file, is to land: what DST becomes. */
  readonly to: string;
  /** SRC and DST of the run, and what goes with its options. */
  readonly source: string;
  readonly destination: string;
  readonly given: TransferOptions;
  run(dryRun?: boolean): Promise<Ran>;
}

/** Works on a ground of its own. */
export async function onGround(
  route: Route,
  work: (ground: Ground) => Promise<void>,
  elsewhere?: string,
): Promise<void> {
  const path = Deno.makeTempDirSync({ prefix: "blit-model-" });
  const other = elsewhere === undefined
    ? path
    : Deno.makeTempDirSync({ dir: elsewhere, prefix: "blit-model-" });
  const configDir = join(path, ".config");
  const daemons: Served[] = [];
  const start = async (delegation: readonly string[] = []): Promise<string> => {
    const daemon = await serve({
      modules: [{ name: "m", path, trustMetadata: true, delegation }],
      stateFolder: join(path, `.state${daemons.length}`),
      bind: "127.0.0.1",
      port: 0,
      dataPort: 0,
    });
    daemons.push(daemon);
    const host = `127.0.0.1:${daemon.port}`;
    rememberHost(configDir, host, { kind: "plain" });
    return host;
  };
  try {
    const first = route === "local" ? null : await start();
    const second = route === "between" ? await start([first!]) : first;
    const module = (isThere: boolean, host: string | null) => isThere ? `${host}:/m` : null;
    const from = module(["pull", "within", "between"].includes(route), first);
    const to = module(["push", "within", "between"].includes(route), second);
    await work({ path, other, hosts: { from, to }, options: first === null ? {} : { configDir } });
  } finally {
    for (const daemon of daemons) await daemon.stop();
    removeTree(path);
    if (other !== path) removeTree(other);
  }
}

/** Seed and path of a failed case, to try it again. */
export function again(): { seed?: number; path?: string } {
  const seed = Deno.env.get("BLIT_PROPERTY_SEED"), path = Deno.env.get("BLIT_PROPERTY_PATH");
  return { ...(seed ? { seed: Number(seed) } : {}), ...(path ? { path } : {}) };
}

let nth = 0;

/** Makes the two trees of a case, gives them to `work`, and removes them. */
export async function onTrees(
  { path, other, hosts, options }: Ground,
  one: Case,
  specs: { readonly from: TreeSpec; readonly to: TreeSpec },
  work: (places: Places) => Promise<void>,
): Promise<void> {
  nth++;
  const [here, there] = [join(path, `${nth}`), join(other, `${nth}`, "dst")];
  const from = join(here, "src");
  const to = one.named ? join(there, "src") : there;
  for (const root of [from, to]) Deno.mkdirSync(root, { recursive: true });
  const files = makeTree(from, specs.from);
  // Two file systems have no file in common.
  makeTree(to, specs.to, other === path ? files : []);
  const list = join(here, "list");
  if (one.paths !== null) Deno.writeTextFileSync(list, one.paths.join("\n"));
  const root = hosts.from === null ? from : `${hosts.from}/${nth}/src`;
  const source = root + (one.named ? "" : "/");
  const destination = hosts.to === null ? there : `${hosts.to}/${nth}/dst`;
  const given = { ...options, ...(one.paths === null ? {} : { filesFrom: list }) };
  try {
    await work({
      from,
      to,
      source,
      destination,
      given,
      run: (dryRun = false) => runCase(one, source, destination, { ...given, dryRun }),
    });
  } finally {
    removeTree(here);
    if (other !== path) removeTree(join(other, `${nth}`));
  }
}

/** Runs a case's mode with its options. */
export async function runCase(
  one: Case,
  source: string,
  destination: string,
  more: TransferOptions,
): Promise<Ran> {
  const items: string[] = [];
  const listener = (event: RunEvent) => {
    if (event.type === "item") items.push(`${event.action} ${event.path} (${event.reason})`);
  };
  const { rules, gitignore, limits, nowSeconds, compare, resume, fsync } = one;
  const run = { copy, mirror, move }[one.mode as "copy" | "mirror" | "move"];
  const result = await run(source, destination, {
    compare,
    filter: { rules, gitignore, ...limits, nowMs: nowSeconds * 1000 },
    delete: { scope: one.scope, maxDelete: one.maxDelete, allowEmptySource: true },
    resume,
    fsync,
    emitItems: true,
    listener,
    ...more,
  });
  return { ...result, items: items.sort() };
}
