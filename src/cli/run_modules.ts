/**
 * list-modules, and ls of a daemon.
 *
 * @module
 */
import { type ModuleInfo, withDaemon } from "../app/daemons.ts";
import type { Invocation } from "./invocation.ts";
import { remoteSettings } from "./remote_call.ts";

/** Lists a daemon's modules. */
export async function run(call: Invocation): Promise<number> {
  const { args, values, terminal } = call;
  const modules = await withDaemon(args[0], remoteSettings(call), (daemon) => daemon.modules());
  if (values.json) {
    const { snakeKeys } = await import("./json.ts");
    terminal.out(JSON.stringify(snakeKeys(modules), null, 2));
    return 0;
  }
  const width = Math.max(0, ...modules.map((module) => shownName(module).length));
  for (const module of modules) terminal.out(moduleLine(module, width));
  return 0;
}

function moduleLine(module: ModuleInfo, width: number): string {
  const rights = module.readOnly ? "read only" : module.rights.join(", ");
  const comment = module.comment === "" ? "" : `  ${module.comment}`;
  return `${shownName(module).padEnd(width)}  ${rights}${comment}`;
}

function shownName({ name }: ModuleInfo): string {
  return name === "" ? "//" : `/${name}`;
}
