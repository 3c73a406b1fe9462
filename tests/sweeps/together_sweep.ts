/**
 * Several at once: runs into one destination, a run from another's destination, a daemon that reads its configuration
 * again under load, and a hundred clients.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { settled } from "../support/footprint.ts";
import { assertNothingStaged, sleep } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { type Served, served, WAYS } from "../support/served.ts";
import { smallFiles } from "../support/trees.ts";
import { CrowdClients } from "./crowd_client.ts";
import { isRunning } from "./followed.ts";
import { Cases, type Context, type Counts, type Route, ROUTES, type Sweep } from "./sweep.ts";
import { assertClear, assertDone, assertSame, type Ended, transferred } from "./together_client.ts";

const FULL = { rounds: 20, files: 1200, crowds: 3, crowd: 100 };
const SHORT = { rounds: 1, files: 300, crowds: 1, crowd: 8 };
/** The kinds of cases that the gate tries on each route: what differs between routes is tried on one of them. */
const SHORT_KINDS: Readonly<Record<Route, readonly string[]>> = {
  local: ["two mirrors", "into itself"],
  push: ["read again", "crowd"],
  pull: ["chain", "crowd"],
};
/** Clients of a crowd in each process: a hundred processes would take the machine's memory, and begin one after the other. */
const CLIENTS_OF_PROCESS = 10;
/** Files of each client of a crowd. */
const CROWD_FILES = 12;
/** What a client says whose connection made room for another, before the daemon had greeted it and after. */
const SHUT =
  / closed the connection without a word\. It has too many clients\b|^The connection to \S+ (is gone\. Run again|broke: read ECONNRESET\.)/;
/** How long a client may take. */
const LONGEST_MS = 120_000;

/** Runs at the same time. */
export const sweep: Sweep = {
  name: "together",
  title:
    "two mirrors into one destination (both here, one here and one pushed, both pushed, both pulled), a mirror of another's destination, trees into themselves, a daemon whose configuration is read again under load (the same, a bad one, " +
    "one without the module), a hundred clients at once: each is refused clearly or right, every file is whole and of a version that somebody brought, the next run makes the trees equal and leaves nothing staged, and the daemon is as before",
  routes: ROUTES,
  run: together,
};

async function together(context: Context): Promise<Counts> {
  const cases = new Cases(context);
  const { dir, route } = context;
  if (route === "local") {
    const scene = new Scene(context, null);
    await scene.pairs(cases, (path) => join(dir.path, path));
    return cases.counts();
  }
  const folder = join(dir.path, "served");
  const config = { limits: { sessions: 24, sessionsPerUser: 20 } };
  await served(dir, WAYS[0], async (there) => {
    const scene = new Scene(context, there);
    const at = (path: string) => `${there.host}:/m/${path}`;
    await scene.pairs(cases, at);
    await scene.reread(cases);
    await scene.crowd(cases);
  }, { folder, config });
  return cases.counts();
}

/** The trees of one route. */
class Scene {
  readonly #context: Context;
  readonly #there: Served | null;
  readonly #plan: { rounds: number; files: number; crowds: number; crowd: number };

  constructor(context: Context, there: Served | null) {
    this.#context = context;
    this.#there = there;
    const { short, part } = context;
    const of = (count: number) => Math.ceil(count * part);
    this.#plan = short
      ? SHORT
      : { ...FULL, rounds: of(FULL.rounds), crowds: of(FULL.crowds), crowd: FULL.crowd };
  }

  /** Whether cases of a kind are tried. */
  #tries(kind: string): boolean {
    const { short, route, only } = this.#context;
    if (only !== undefined && !only.startsWith(kind)) return false;
    return !short || SHORT_KINDS[route].includes(kind);
  }

  /** Folder of what lies at the destination's side, or the source's on a pull. */
  get #far(): string {
    return this.#there?.folder ?? this.#context.dir.path;
  }

  /** Two runs at once. */
  async pairs(cases: Cases, at: (path: string) => string): Promise<void> {
    const { route, dir, random } = this.#context;
    const here = (path: string) => join(dir.path, path);
    for (let i = 0; i < this.#plan.rounds; i++) {
      const delayMs = Math.floor(random() * 300);
      const [isPull, isPush] = [route === "pull", route === "push"];
      const [first, second] = isPull ? [at("a/"), at("b/")] : [here("a/"), here("b/")];
      const to = isPull ? here("dst") : at("dst");
      const dst = isPull ? here("dst") : join(this.#far, "dst");
      const sources = isPull ? this.#far : dir.path;
      if (this.#tries("two mirrors")) {
        await cases.try("two mirrors", `two mirrors ${i}`, async () => {
          this.#plant(sources, dst);
          const before = digests(dst);
          // Every other pair on a push: one of them works on the module's folder itself.
          const other = isPush && i % 2 === 1 ? dst : to;
          const pair = await this.#both([first, to], [second, other], delayMs);
          this.#judge(pair, [join(sources, "a"), join(sources, "b")], dst, before);
          assertDone(await this.#transfer("mirror", first, to));
          assertSame(digests(join(sources, "a")), digests(dst));
          assertNothingStaged(dst);
          return pair.isHit;
        });
      }
      if (!this.#tries("chain")) continue;
      await cases.try("chain", `chain ${i}`, async () => {
        this.#plant(sources, dst);
        const before = digests(dst);
        const end = here("end");
        sh(`rm -rf "$0"`, end);
        const from = `${isPull ? to : at("dst")}/`;
        const pair = await this.#both([first, to], [from, end], delayMs);
        // It reads what the other is writing: each file is of before or of after, or said to have failed.
        const a = digests(join(sources, "a"));
        assertVersions(end, [before, a]);
        assertNothingStaged(end);
        for (const ended of pair.ends) assertClear(ended);
        assertDone(await this.#transfer("mirror", first, to));
        assertDone(await this.#transfer("mirror", from, end));
        assertSame(a, digests(end));
        assertNothingStaged(dst, end);
        return pair.isHit;
      });
    }
    if (!this.#tries("into itself")) return;
    await cases.try("into itself", "into itself", async () => {
      this.#plant(dir.path, join(this.#far, "dst"));
      const before = digests(this.#far);
      const words: [string, string][] = [
        [`${at("dst")}/`, `${at("dst")}/d00000/sub`],
        [`${at("dst")}/d00000/`, at("dst")],
        [`${at("dst")}/`, at("dst")],
      ];
      for (const [from, to] of words) {
        const ended = await this.#transfer("mirror", from, to);
        assert.equal(ended.outcome, "failed", `${from} to ${to}`);
        assertClear(ended);
      }
      assertSame(before, digests(this.#far));
      return true;
    });
  }

  /** A daemon that reads its configuration again while clients work. */
  async reread(cases: Cases): Promise<void> {
    const { dir, route } = this.#context;
    const there = this.#there!;
    const whole = Deno.readTextFileSync(there.configFile);
    if (!this.#tries("read again")) return;
    const kinds = this.#context.short
      ? ["without the module"]
      : ["the same", "a bad one", "without the module"];
    for (let i = 0; i < this.#plan.rounds; i++) {
      for (const kind of kinds) {
        await cases.try("read again", `read again, ${kind}, ${i}`, async () => {
          const [near, far] = [dir.path, there.folder];
          const [sources, dst] = route === "push"
            ? [near, join(far, "dst")]
            : [far, join(near, "dst")];
          this.#plant(sources, dst);
          const before = digests(dst);
          const words: [string, string] = route === "push"
            ? [join(near, "a/"), `${there.host}:/m/dst`]
            : [`${there.host}:/m/a/`, dst];
          const client = new Client("mirror", words, this.#context);
          await client.going;
          const isHit = client.isRunning;
          const text = kind === "the same"
            ? whole
            : kind === "a bad one"
            ? "{"
            : JSON.stringify({ modules: [{ name: "other", path: there.folder }] });
          Deno.writeTextFileSync(there.configFile, text);
          there.daemon.signal("SIGHUP");
          await sleep(30);
          if (kind === "the same") {
            for (let k = 0; k < 5; k++) there.daemon.signal("SIGHUP");
          }
          const ended = await client.ended;
          Deno.writeTextFileSync(there.configFile, whole);
          there.daemon.signal("SIGHUP");
          if (kind === "without the module") assertClear(ended);
          else assertDone(ended);
          const a = digests(join(sources, "a"));
          assertVersions(dst, [before, a]);
          await this.#answers();
          assertDone(await this.#transfer("mirror", ...words));
          assertSame(a, digests(dst));
          assertNothingStaged(dst);
          return isHit;
        });
      }
    }
  }

  /** Many clients at once, some in each of several processes. */
  async crowd(cases: Cases): Promise<void> {
    if (!this.#tries("crowd")) return;
    const { dir, route } = this.#context;
    const there = this.#there!;
    const [near, far] = [dir.path, there.folder];
    const [sources, targets] = route === "push" ? [near, far] : [far, near];
    sh(`rm -rf "$0/crowd" "$1"/c-*`, sources, targets);
    smallFiles(join(sources, "crowd"), CROWD_FILES);
    const wanted = digests(join(sources, "crowd"));
    const words = (i: number): [string, string] =>
      route === "push"
        ? [`${join(near, "crowd")}/`, `${there.host}:/m/c-${i}`]
        : [`${there.host}:/m/crowd/`, join(near, `c-${i}`)];
    assertDone(await this.#here(words(0)));
    const before = await settled(there.daemon.pid);
    let done = 0, refused = 0, shut = 0;
    for (let round = 0; round < this.#plan.crowds; round++) {
      sh(`rm -rf "$0"/c-*`, targets);
      const all = Array.from({ length: this.#plan.crowd }, (_, i) => words(i));
      const processes = Array.from(
        { length: Math.ceil(all.length / CLIENTS_OF_PROCESS) },
        (_, i) => all.slice(i * CLIENTS_OF_PROCESS, (i + 1) * CLIENTS_OF_PROCESS),
      ).map((some) => new CrowdClients(some, dir.configDir));
      await Promise.all(processes.map((some) => some.ready()));
      const ends = (await Promise.all(processes.map((some) => some.run(LONGEST_MS)))).flat();
      for (const [i, ended] of ends.entries()) {
        await cases.try("crowd", `crowd ${round}, client ${i}`, async () => {
          if (ended.outcome === "done") done++;
          else {
            // Whose connection makes room for another is told by nobody, but knows it.
            const isShut = ended.kind === "disconnected" && SHUT.test(ended.message ?? "");
            if (isShut) shut++;
            else refused++;
            assert.ok(isShut || ended.kind === "busy", `${ended.kind}: ${ended.message}`);
            assertClear(ended);
            assertDone(await this.#here(words(i)));
          }
          const target = join(targets, `c-${i}`);
          assertSame(wanted, digests(target));
          assertNothingStaged(target);
          return true;
        });
      }
    }
    await cases.try("left", "left", async () => {
      const after = await settled(there.daemon.pid, before);
      assert.ok(after.descriptors <= before.descriptors, "descriptors are left");
      assert.ok(after.threads <= before.threads, `threads are left: ${after.threadNames}`);
      assert.doesNotMatch(there.daemon.stderr, /"level":"fatal"/);
      return true;
    });
    cases.note(
      `of the crowd ${done} done at once, ${refused} refused as busy and ${shut} for want of a connection, and done later`,
    );
  }

  /** Waits until the daemon has read its configuration, and takes clients again. */
  async #answers(): Promise<void> {
    const { blit, daemon, host } = this.#there!;
    let said = "";
    for (let tries = 0; tries < 50; tries++) {
      const { status, stderr } = await blit("ls", `${host}:/m/`);
      if (status === 0) return;
      said = stderr;
      await sleep(50);
    }
    const state = isRunning(daemon.pid) ? "it runs" : "it has ended";
    const log = daemon.stderr.slice(-400);
    assert.fail(`the daemon (${state}) doesn't take clients any more: ${said}\n${log}`);
  }

  /** Sources `a` and `b`, and a destination that has older files and some of nobody. */
  #plant(sources: string, dst: string): void {
    sh(`rm -rf "$0/a" "$0/b" "$1"`, sources, dst);
    smallFiles(join(sources, "a"), this.#plan.files, 100);
    sh(
      String
        .raw`set -e; cd "$0"; cp -a a b; for f in b/*/f*[05]; do echo "of b: $f" > "$f"; done; rm -rf b/d00001; cp -a a "$1"
      for f in "$1"/*/f*[37]; do echo "old: $f" > "$f"; done; mkdir "$1/gone"; echo x > "$1/gone/x"; touch "$1"/d00002/extra
      for t in a b; do head -c 9000000 /dev/zero | tr '\0' $t > $t/large; done; head -c 5000000 /dev/zero > "$1/large"`,
      sources,
      dst,
    );
  }

  /** Runs two mirrors, the second one a while after the first has begun. */
  async #both(first: [string, string], second: [string, string], delayMs: number) {
    const one = new Client("mirror", first, this.#context);
    await sleep(delayMs);
    const other = new Client("mirror", second, this.#context);
    await Promise.race([Promise.all([one.going, other.going]), one.ended, other.ended]);
    const isHit = one.isRunning || other.isRunning;
    return { ends: [await one.ended, await other.ended], isHit };
  }

  #judge(
    { ends }: { readonly ends: readonly Ended[] },
    sources: readonly string[],
    dst: string,
    before: ReadonlyMap<string, string> | null,
  ): void {
    for (const ended of ends) assertClear(ended);
    const trees = sources.map(digests);
    const refused = ends.map(({ kind }) => kind === "busy");
    assert.ok(!refused[0] || !refused[1], "each refused the other");
    for (const i of [0, 1]) {
      if (refused[1 - i] && ends[i].outcome === "done") {
        assertSame(trees[i], digests(dst));
      }
    }
    assertVersions(dst, [...trees, before]);
  }

  #transfer(mode: "mirror", source: string, destination: string): Promise<Ended> {
    return new Client(mode, [source, destination], this.#context).ended;
  }

  /** A copy in this process. */
  #here([source, destination]: [string, string]): Promise<Ended> {
    const { configDir } = this.#context.dir;
    return transferred({ mode: "copy", source, destination, configDir });
  }
}

/** A client in a process of its own. */
class Client {
  readonly going: Promise<void>;
  readonly ended: Promise<Ended>;
  isRunning = true;

  constructor(mode: string, [source, destination]: [string, string], { dir }: Context) {
    const script = new URL("./together_client.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, mode, source, destination, dir.configDir],
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const going = Promise.withResolvers<void>();
    this.going = going.promise;
    this.ended = (async () => {
      const deadline = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
      const errors = new Response(child.stderr).text();
      let said = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (said.startsWith("going")) going.resolve();
      }
      const { code, signal } = await child.status;
      clearTimeout(deadline);
      this.isRunning = false;
      going.resolve();
      assert.equal(code, 0, `it ended with ${signal ?? code}: ${await errors}`);
      return JSON.parse(said.trim().split("\n").at(-1)!);
    })();
    this.ended.catch(() => {});
  }
}

/** SHA-256 of every file below a folder by its path; null where there is no such folder. By programs: a case asks for thousands. */
function digests(folder: string): Map<string, string> | null {
  const said = sh(
    `cd "$0" 2>/dev/null || exit 0; echo; find . -type f -print0 | xargs -0r sha256sum 2>/dev/null || true`,
    folder,
  );
  if (said === "") return null;
  const lines = said.split("\n").filter(Boolean);
  return new Map(lines.map((line) => [line.slice(68), line.slice(0, 64)]));
}

/** Every file is of a version that one of these trees has. */
function assertVersions(
  folder: string,
  trees: readonly (ReadonlyMap<string, string> | null)[],
): void {
  for (const [path, digest] of digests(folder) ?? []) {
    if (/(^|\/)\.blit-/.test(path)) continue;
    const versions = trees.map((tree) => tree?.get(path));
    assert.ok(versions.includes(digest), `${path} is a mix`);
  }
}
