/**
 * completions.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import type { Invocation } from "./invocation.ts";

const SCRIPTS: Readonly<Record<string, () => Promise<string>>> = {
  bash: async () => (await import("./completions/bash.ts")).bashScript(),
  zsh: async () => (await import("./completions/zsh.ts")).zshScript(),
  fish: async () => (await import("./completions/fish.ts")).fishScript(),
  powershell: async () => (await import("./completions/powershell.ts")).powershellScript(),
};

/** Prints the completion script of a shell. */
export async function run({ args, terminal }: Invocation): Promise<number> {
  const [shell] = args;
  if (!Object.hasOwn(SCRIPTS, shell)) {
    const known = Object.keys(SCRIPTS);
    const near = didYouMean(shell, known) || ` There are: ${known.join(", ")}.`;
    throw new BlitError("usage", `No completions for "${shell}".${near}`);
  }
  terminal.write(await SCRIPTS[shell]());
  return 0;
}
