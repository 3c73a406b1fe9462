/**
 * The arguments of this process as the system has them: Deno's own have lost what isn't UTF-8.
 *
 * @module
 */
import { bytesToName, nameToBytes, nameToPath } from "../core/rel_path.ts";
import { readWholeFile } from "../tree/whole_file.ts";
import { acquireTrees } from "./open.ts";

/** What Deno puts in the place of bytes that aren't UTF-8. */
const LOST = "\ufffd";

/**
 * The arguments, with every byte, as `nameToPath` of `core/rel_path.ts` writes them.
 *
 * @param args as Deno has them; returned as they are where nothing is lost, or where the system doesn't tell
 */
export async function wholeArguments(args: readonly string[]): Promise<readonly string[]> {
  if (Deno.build.os !== "linux" || !args.some((arg) => arg.includes(LOST))) return args;
  try {
    return matched(args, await commandLine()) ?? args;
  } catch {
    // Whoever reads the arguments says that they aren't UTF-8.
    return args;
  }
}

/** Deno gives this file to programs only that may do everything; native code may read it. */
async function commandLine(): Promise<Uint8Array> {
  const trees = await acquireTrees();
  try {
    const tree = await trees.open("/proc/self");
    try {
      return await readWholeFile(tree, "cmdline");
    } finally {
      await tree.close();
    }
  } finally {
    await trees.release();
  }
}

/** The last arguments of a command line, if they are those that Deno has; null where they aren't. */
function matched(args: readonly string[], line: Uint8Array): string[] | null {
  const words = bytesToName(line).split("\0").slice(0, -1).slice(-args.length);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const isSame = words.length === args.length &&
    words.every((word, i) => decoder.decode(nameToBytes(word)) === args[i]);
  // A replacement character that was really typed is kept by its bytes, too.
  return isSame ? words.map((word) => nameToPath(word).replaceAll(LOST, TYPED)) : null;
}

/** Its three bytes. */
const TYPED = nameToPath("\xef") + nameToPath("\xbf") + nameToPath("\xbd");
