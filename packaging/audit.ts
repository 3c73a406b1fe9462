/**
 * `deno task audit`: asks whether anything is known against what blit is made of: npm packages by `deno audit`, crates by
 * `cargo deny` (`cargo install --locked cargo-deny`), which also holds licences and sources against `ffi/deny.toml`.
 *
 * Needs the network: both ask a list of what was found since. The part of it that doesn't is a step of the gate.
 *
 * @module
 */
import { ask, run } from "../tests/gate/command.ts";

/** Runs both, whatever the first one says; returns the exit code. */
async function audit(): Promise<number> {
  const npm = await run(Deno.execPath(), ["audit"]);
  if (await ask("cargo", "deny", "--version") === null) {
    console.error("cargo-deny is missing. Run: cargo install --locked cargo-deny");
    return 1;
  }
  const cargo = await run("cargo", ["deny", "--manifest-path=ffi/Cargo.toml", "check"]);
  return npm.code === 0 && cargo.code === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await audit());
