/**
 * The kinds of sessions that a daemon is given: each one begins, does what its kind does, and is judged.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { keepToken } from "../../src/app/hosts.ts";
import { entriesOf, withEntry } from "../../src/app/manage.ts";
import { transfer } from "../../src/app/transfer.ts";
import { BlitError } from "../../src/core/error.ts";
import { defaultOptions, type Mode } from "../../src/core/options.ts";
import { assertNothingStaged, assertStatus, until } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import type { Served } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";
import type { Context } from "./sweep.ts";

/** Content that goes in a fraction of a second, and content that takes longer; both sides have them, but for times. */
const SMALL = "small", LARGE = "large";
/** The same on both sides, to the nanosecond. */
const SAME = "same";
const SMALL_FILES = 12, LARGE_FILES = 1501;
/** Transfers of a client that is killed. */
export const ABREAST = 8;

type Direction = "push" | "pull";

interface Asked {
  readonly mode?: Mode;
  readonly forceControlPlane?: boolean;
  readonly configDir?: string;
  readonly signal?: AbortSignal;
  readonly onContent?: () => void;
}

/** Sessions with one daemon. */
export class Scene {
  readonly #context: Context;
  readonly #there: Served;
  /** Settings with a token that is nobody's. */
  readonly #strange: string;
  #next = 0;

  constructor(context: Context, there: Served) {
    const { dir } = context;
    this.#context = context;
    this.#there = there;
    this.#strange = join(dir.path, "strange");
    for (const folder of [dir.path, there.folder]) {
      sh(`rm -rf "$0"/*/ "$1"`, join(folder, "to"), this.#strange);
      smallFiles(join(folder, SMALL), SMALL_FILES);
      smallFiles(join(folder, LARGE), LARGE_FILES - 1);
      randomFile(join(folder, LARGE, "file"), 64);
    }
    sh(`cp -a "$0" "$1"; cp -a "$0" "$2"`, ...[
      join(dir.path, SMALL),
      join(dir.path, SAME),
      join(there.folder, SAME),
    ]);
    sh(`mkdir -p "$0"; cp -a "$0" "$1"`, dir.configDir, this.#strange);
    keepToken(this.#strange, there.host, "blit-of-nobody");
  }

  /** One that ends by itself. */
  async finish(direction: Direction): Promise<boolean> {
    const [source, destination, folder] = this.#places(SMALL, direction);
    const { summary } = await this.#transfer(source, destination);
    assert.equal(summary.outcome, "done");
    assert.equal(summary.filesTransferred, SMALL_FILES);
    await taken(folder);
    return true;
  }

  /** One of the command as a process. */
  async command(direction: Direction): Promise<boolean> {
    const [source, destination, folder] = this.#places(SMALL, direction);
    assertStatus(await this.#there.blit("copy", source, destination), 0);
    await taken(folder);
    return true;
  }

  /** One that compares. */
  async check(): Promise<boolean> {
    const here = `${join(this.#context.dir.path, SAME)}/`;
    const { summary } = await this.#transfer(here, this.#remote(SAME), { mode: "check" });
    assert.equal(summary.outcome, "done");
    assert.equal(summary.differences, 0);
    return true;
  }

  /** One that lists. */
  async list(): Promise<boolean> {
    const { path: cwd, configDir } = this.#context.dir;
    const settings = { configDir, ask: () => Promise.resolve(false), onWarning: () => {} };
    let files = 0;
    await withEntry(this.#remote(SMALL), cwd, settings, async (opened) => {
      for await (const found of entriesOf(opened, { recursive: true })) {
        assert.ok("block" in found);
        files++;
      }
    });
    assert.equal(files, SMALL_FILES + 1);
    return true;
  }

  /** One that never begins: the daemon doesn't know the token; a plain one, which asks for none, the module. */
  async refuse(direction: Direction): Promise<boolean> {
    const places = this.#places(SMALL, direction);
    const isOpen = !this.#there.daemon.ready.tls;
    const [source, destination] = isOpen
      ? places.map((place) => place.replace(":/m/", ":/nobody/"))
      : places;
    const configDir = isOpen ? undefined : this.#strange;
    const kinds = isOpen ? ["not_found"] : ["unauthenticated", "busy"];
    await assert.rejects(
      this.#transfer(source, destination, { configDir }),
      (error) => error instanceof BlitError && kinds.includes(error.kind),
    );
    return true;
  }

  /**
   * One that is cancelled while it moves content.
   *
   * @param forceControlPlane whether that goes over the control port
   * @returns whether it was under way
   */
  async cancel(direction: Direction, forceControlPlane = false): Promise<boolean> {
    const [source, destination, folder] = this.#places(LARGE, direction);
    const abort = new AbortController();
    const how = { signal: abort.signal, forceControlPlane, onContent: () => abort.abort() };
    const { summary } = await this.#transfer(source, destination, how);
    await Deno.remove(folder, { recursive: true });
    return summary.outcome === "interrupted";
  }

  /** {@link ABREAST} whose client is killed while they move content. @returns whether they were under way */
  async kill(direction: Direction): Promise<boolean> {
    const [source, destination, folder] = this.#places(LARGE, direction);
    const client = new URL("./sessions_client.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", client, `${ABREAST}`, source, `${destination}-#`],
        this.#context.dir.configDir,
      ],
      env: { DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const said = child.stdout.getReader();
    const { done } = await said.read();
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended by itself before.
    }
    await said.cancel();
    const { code, signal } = await child.status;
    assert.ok(signal === "SIGKILL" || code === 0, `the client ended with ${signal ?? code}`);
    const { summary } = await this.#transfer(source, `${destination}-0`);
    assert.equal(summary.outcome, "done");
    await taken(`${folder}-0`);
    // The daemon may still be ending the others.
    for (let i = 1; i < ABREAST; i++) await until(() => isGone(`${folder}-${i}`));
    return !done && signal === "SIGKILL";
  }

  async #transfer(source: string, destination: string, asked: Asked = {}) {
    const { mode = "copy", configDir = this.#context.dir.configDir, onContent } = asked;
    const { signal, forceControlPlane } = asked;
    return await transfer({
      source,
      destination,
      options: defaultOptions(mode),
      cwd: this.#context.dir.path,
      configDir,
      forceControlPlane,
      signal,
      listener: (event) => {
        if (event.type === "progress" && event.bytesDone > 0) onContent?.();
      },
    });
  }

  /** Source, destination, and where the destination is on this machine. */
  #places(tree: string, direction: Direction): [string, string, folder: string] {
    const name = `to/${this.#next++}`;
    const here = this.#context.dir.path;
    return direction === "push"
      ? [`${join(here, tree)}/`, this.#remote(name), join(this.#there.folder, name)]
      : [`${this.#remote(tree)}/`, join(here, name), join(here, name)];
  }

  #remote(path: string): string {
    return `${this.#there.host}:/m/${path}`;
  }
}

/** Removes what a session made, once nothing staged is in it. */
async function taken(folder: string): Promise<void> {
  assertNothingStaged(folder);
  await Deno.remove(folder, { recursive: true });
}

/** Removes a folder that somebody may still write to. @returns whether it is gone */
async function isGone(folder: string): Promise<boolean> {
  try {
    await Deno.remove(folder, { recursive: true });
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
