import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { parseCommandLine, type Request } from "./parse.ts";

function run(...args: string[]) {
  const request = parseCommandLine(args);
  assert.equal(request.kind, "run");
  return (request as Extract<Request, { kind: "run" }>).parsed;
}

function fails(args: string[], message: RegExp, kind = "usage"): void {
  assert.throws(
    () => parseCommandLine(args),
    (error) => error instanceof BlitError && error.kind === kind && message.test(error.message),
    args.join(" "),
  );
}

Deno.test("options may stand anywhere, shortened, joined and with =", () => {
  const { command, args, values } = run(
    "-v",
    "copy",
    "a",
    "-nc",
    "--retry=3",
    "b",
    "--wait",
    "0.5",
  );
  assert.equal(command.name, "copy");
  assert.deepEqual(args, ["a", "b"]);
  assert.deepEqual(values, { verbose: true, dryRun: true, checksum: true, retry: 3, wait: 500 });
});

Deno.test("a long option with one hyphen is told of, by its name", () => {
  fails(["find", ".", "-name", "x"], /^blit find has no option -n\. Did you mean --name\?$/);
  fails(["copy", "a", "b", "-x"], /^Unknown option -x\. blit copy --help lists them\.$/);
});

Deno.test("after -- everything is an argument", () => {
  assert.deepEqual(run("copy", "--", "-v", "--json").args, ["-v", "--json"]);
});

Deno.test("include, exclude and rule files keep their order among each other", () => {
  const { given } = run(
    ..."copy a b --exclude 1 --include 2 --filter-from 3 --exclude 4".split(" "),
  );
  assert.deepEqual(given.map(({ id, value }) => `${id} ${value}`), [
    "exclude 1",
    "include 2",
    "filterFrom 3",
    "exclude 4",
  ]);
});

Deno.test("of an option given twice the last counts", () => {
  assert.equal(run("copy", "a", "b", "--retry", "1", "--retry", "2").values.retry, 2);
});

Deno.test("commands of two words are found, and v1's way to name a shell", () => {
  assert.equal(run("diagnostics", "perf", "--limit", "3").command.name, "diagnostics perf");
  assert.deepEqual(run("completions", "shell", "bash").args, ["bash"]);
});

const HELP: [string[], string, boolean][] = [
  [["--help"], "", true],
  [["-h"], "", false],
  [["help"], "", true],
  [["help", "copy"], "copy", true],
  [["copy", "--help"], "copy", true],
  [["copy", "-h"], "copy", false],
  [["copy", "a", "--bogus", "-h"], "copy", false],
  [["diagnostics", "--help"], "diagnostics", true],
  [["diagnostics", "perf", "-h"], "diagnostics perf", false],
  [["help", "diagnostics", "dump"], "diagnostics dump", true],
];

for (const [args, topic, full] of HELP) {
  Deno.test(`${args.join(" ")} asks for ${full ? "all the" : "a page of"} help`, () => {
    assert.deepEqual(parseCommandLine(args), { kind: "help", topic, full });
  });
}

const MISTAKES: [args: string, message: RegExp][] = [
  ["", /No command given/],
  ["cpoy a b", /^Unknown command "cpoy"\. Did you mean blit copy\?$/],
  ["frobnicate", /^Unknown command "frobnicate"\. blit --help lists them\.$/],
  ["help cpoy", /Did you mean blit copy/],
  ["diagnostics", /needs one of: perf, dump/],
  ["diagnostics prf", /Did you mean blit diagnostics perf\?/],
  ["diagnostics nothing", /There are: perf, dump/],
  ["copy a b --exlude x", /^Unknown option --exlude\. Did you mean --exclude\?$/],
  ["copy a b --allow-empty-source", /^blit copy has no option --allow-empty-source\./],
  ["copy a b -Z", /^Unknown option -Z\. blit copy --help lists them\.$/],
  ["copy a", /^DST is missing: blit copy \[OPTIONS\] SRC DST$/],
  ["copy a b c", /^One argument too many, "c"/],
  ["copy a b --exclude", /^--exclude needs a value: --exclude GLOB\.$/],
  ["copy a b --json=yes", /^--json takes no value/],
  ["copy a b --retry many", /^--retry "many": expected a whole number from 0 to 1000\.$/],
  ["copy a b --wait soon", /^--wait "soon": expected seconds/],
  ["copy a b --wait 2147484", /^--wait "2147484": expected seconds, .*at most a day/],
  ["copy a b --min-size big", /^--min-size "big" is not a size/],
  ["copy a b --max-age old", /^--max-age "old" is not an age/],
  ["mirror a b --max-delete 101%", /^--max-delete "101%": expected a count/],
  ["mirror a b --delete-scope some", /^--delete-scope "some": expected subset or all\.$/],
  ["find a --type x", /^--type "x": expected f, d/],
  ["--bogus", /^Unknown option --bogus/],
  ["copy a\ufffd b", /isn't UTF-8/],
];

for (const [line, message] of MISTAKES) {
  Deno.test(`"blit ${line}" is a usage error of one line`, () => {
    fails(line === "" ? [] : line.split(" "), message);
  });
}

Deno.test("limits of a mirror are counts, shares or all", () => {
  const limit = (text: string) => run("mirror", "a", "b", "--max-delete", text).values.maxDelete;
  assert.deepEqual(limit("0"), { kind: "count", count: 0 });
  assert.deepEqual(limit("12.5%"), { kind: "percent", percent: 12.5 });
  assert.deepEqual(limit("all"), { kind: "all" });
});

Deno.test("find's limits have a sign", () => {
  const { size, age } = run("find", ".", "--size", "+1KiB", "--age=-2h").values;
  assert.deepEqual(size, { sign: "+", amount: 1024 });
  assert.deepEqual(age, { sign: "-", amount: 7200 });
});

Deno.test("on Windows a backslash before the closing quotation mark is explained", () => {
  const explained = /A backslash right before the closing one/;
  // What `copy "C:\\my photos\\" D:\\x` and `copy D:\\x "C:\\my photos\\"` come to.
  for (const args of [['C:\\my photos" D:\\x'], ["D:\\x", 'C:\\my photos"']]) {
    assert.throws(() => parseCommandLine(["copy", ...args], "windows"), explained);
  }
  assert.doesNotThrow(() => parseCommandLine(["copy", 'nas:/m/quo"te', "D:\\x"], "windows"));
  assert.doesNotThrow(() => parseCommandLine(["copy", 'a"b', "x"], "linux"));
});

Deno.test("on Windows robocopy's switches are told what takes their place, and /? is help", () => {
  const said = (...args: string[]) => {
    try {
      parseCommandLine(["copy", "SRC", "DST", ...args], "windows");
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.match(said("/MIR"), /^One argument too many, "\/MIR"\. Write blit mirror/);
  assert.match(said("/e", "/R:3"), /"\/e"\. Leave it out/);
  assert.match(said("/XF", "*.tmp"), /"\/XF"\. Write --exclude NAME/);
  assert.match(said("*.docx", "/S"), /"\*\.docx"\. Write --include "\*\.docx"\.$/);
  assert.match(said("/SECFIX"), /Options begin with --/);
  assert.match(said("third"), /^One argument too many, "third": blit copy/);
  // Elsewhere, and where nothing is too many, these are paths.
  assert.throws(
    () => parseCommandLine(["copy", "a", "b", "/E"], "linux"),
    /: blit copy \[OPTIONS\]/,
  );
  assert.equal(parseCommandLine(["copy", "/MIR", "/E"], "windows").kind, "run");
  assert.equal(parseCommandLine(["copy", "/?"], "windows").kind, "help");
  assert.equal(parseCommandLine(["/?"], "windows").kind, "help");
});
