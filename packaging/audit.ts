/**
 * `deno task audit`: asks whether anything is known against what blit is made of: npm packages by `deno audit`, crates by
 * `cargo deny` (`cargo install --locked cargo-deny`), which also holds licences and sources against `ffi/deny.toml`.
 *
 * Needs the network: two of the three ask a server what was found since. Where it can't be reached the others are asked
 * all the same, and the exit status is 1: nothing was said against those parts, nor for them.
 *
 * @module
 */
import { ask, run } from "../tests/gate/command.ts";

/** One thing to ask. */
interface Question {
  readonly about: string;
  readonly program: string;
  readonly args: readonly string[];
}

const DENY = ["deny", "--manifest-path=ffi/Cargo.toml", "check"];
const QUESTIONS: readonly Question[] = [
  { about: "npm packages, what is known", program: Deno.execPath(), args: ["audit"] },
  {
    about: "crates, licences and sources",
    program: "cargo",
    args: [...DENY, "licenses", "bans", "sources"],
  },
  { about: "crates, what is known", program: "cargo", args: [...DENY, "advisories"] },
];

/** What programs say that can't reach the server with the answer. */
const UNREACHED = /error sending request|failed to fetch advisory database/;

/** How a question ended. */
export function verdictOf(code: number, output: string): "fine" | "not fine" | "not asked" {
  if (code === 0) return "fine";
  return UNREACHED.test(output) ? "not asked" : "not fine";
}

/** Asks everything, whatever the answers are; returns the exit code. */
async function audit(): Promise<number> {
  if (await ask("cargo", "deny", "--version") === null) {
    console.error("cargo-deny is missing. Run: cargo install --locked cargo-deny");
    return 1;
  }
  const lines: string[] = [];
  let status = 0;
  for (const { about, program, args } of QUESTIONS) {
    const { code, output } = await run(program, args);
    const verdict = verdictOf(code, output);
    if (verdict !== "fine") status = 1;
    const words = {
      "fine": "nothing against them",
      "not fine": "see above",
      "not asked": "the server can't be reached from here, so nobody knows. Run it where it can.",
    }[verdict];
    lines.push(`${about}: ${words}`);
  }
  console.log(`\n${lines.join("\n")}`);
  return status;
}

if (import.meta.main) Deno.exit(await audit());
