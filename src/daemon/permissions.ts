/**
 * What a running daemon may still do: as much as its configuration needs, and no more.
 *
 * @module
 */
import { type DaemonConfig, isLoopback } from "./config.ts";

/** What a daemon needs while it runs. */
export interface Needs {
  /** It fetches from other daemons: the engine runs here, dials, and keeps lists in temporary files. */
  readonly pulls: boolean;
  /** It answers whoever looks for daemons in the local network. */
  readonly announces: boolean;
}

/** What a configuration needs of a daemon that runs. */
export function needsOf(config: DaemonConfig): Needs {
  return {
    pulls: config.modules.some(({ delegation }) => delegation.length > 0),
    announces: config.discovery && !isLoopback(config.bind),
  };
}

/**
 * Gives up for good what is needed no more once the ports are open and the library is loaded.
 *
 * What is open stays open: connections are still taken where the permission to make any is gone.
 *
 * @returns names of the permissions that are left
 */
export function giveUpUnneeded({ pulls, announces }: Needs): readonly string[] {
  const gone: Deno.PermissionName[] = ["run", "ffi"];
  if (!pulls) gone.push("write");
  if (!pulls && !announces) gone.push("net");
  for (const name of gone) Deno.permissions.revokeSync({ name } as Deno.PermissionDescriptor);
  const all = ["read", "write", "net", "env", "sys", "ffi", "run"] as const;
  return all.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
}

/** A new configuration without what the running daemon has given up, and the names of that. */
export function withinNeeds(
  config: DaemonConfig,
  needs: Needs,
): { readonly config: DaemonConfig; readonly left: readonly string[] } {
  if (needs.pulls || !needsOf(config).pulls) return { config, left: [] };
  const modules = config.modules.map((module) => ({ ...module, delegation: [] }));
  return { config: { ...config, modules }, left: ["delegation"] };
}
