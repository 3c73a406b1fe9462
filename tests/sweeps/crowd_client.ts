/**
 * Several clients in a process: says `ready` once everything is loaded, begins all of them when it hears anything, and
 * prints how each ended. Arguments: folder of settings, then source and destination of each.
 *
 * @module
 */
import { type Ended, transferred } from "./together_client.ts";

const PROGRAM = new URL(import.meta.url).pathname;

/** Copies that are to begin at once. */
export class CrowdClients {
  readonly #child: Deno.ChildProcess;
  readonly #said: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;

  /** @param words source and destination of each */
  constructor(words: readonly (readonly [string, string])[], configDir: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", PROGRAM, configDir, ...words.flat()],
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#said = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  /** Waits until all of them can begin. */
  async ready(): Promise<void> {
    const { value } = await this.#said.read();
    if (value !== "ready\n") throw new TypeError(`no client came: ${await this.#errors}`);
  }

  /** Begins all of them, and tells how they ended. */
  async run(longestMs: number): Promise<Ended[]> {
    const deadline = setTimeout(() => this.#child.kill("SIGKILL"), longestMs);
    await this.#child.stdin.close();
    let text = "";
    for (let next; !(next = await this.#said.read()).done;) text += next.value;
    const { code, signal } = await this.#child.status;
    clearTimeout(deadline);
    if (code !== 0) {
      throw new TypeError(`clients ended with ${signal ?? code}: ${await this.#errors}`);
    }
    return JSON.parse(text);
  }
}

if (import.meta.main) {
  const [configDir, ...words] = Deno.args;
  console.log("ready");
  await new Response(Deno.stdin.readable).text();
  const ends = Array.from({ length: words.length / 2 }, (_, i) => {
    const [source, destination] = words.slice(2 * i);
    return transferred({ mode: "copy", source, destination, configDir });
  });
  console.log(JSON.stringify(await Promise.all(ends)));
}
