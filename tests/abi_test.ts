/**
 * The two halves of the native border say the same: functions, numbers, sizes.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  BLOCK_LAST,
  BLOCK_SORTED,
  BLOCK_VERSION,
  ENTRY_STAGED,
  HEADER_BYTES,
  Kind,
  NO_PARENT,
  RECORD_BYTES,
} from "../src/core/entry_block.ts";
import { STATUS } from "../src/core/error.ts";
import {
  BatchFlag,
  COPY_METHODS,
  CopyAction,
  Op,
  REQUEST_BYTES,
  RESULT_BYTES,
  ResultFlag,
  STEPS,
} from "../src/core/work_batch.ts";
import {
  ABI_MAGIC,
  ABI_RECORD,
  ABI_VERSION,
  CLOSED_BYTES,
  CONTROL_SLOT_BYTES,
  DIAL_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_LAST,
  FrameType,
  LASTED,
  NET_TLS,
  OUT_LEN_TOO_SMALL,
  PROBE_BYTES,
  Right,
  ROOT_CREATE,
  ROOT_FOLLOW,
  RUN_SLOTS,
  SETTINGS_BYTES,
  TERMS_BYTES,
  Trust,
  WORKER_SLOTS,
} from "../src/native/layout.ts";
import { SYMBOLS } from "../src/native/symbols.ts";

type Numbers = Record<string, number | bigint>;

function rust(file: string): string {
  return Deno.readTextFileSync(new URL(`../ffi/src/${file}`, import.meta.url));
}

/** Rust's type of a parameter as `Deno.dlopen` names it. */
function ffiType(type: string): string {
  return /^\*(const|mut) /.test(type) ? "buffer" : type;
}

function signatures(source: string): Record<string, { parameters: string[]; result: string }> {
  const found: Record<string, { parameters: string[]; result: string }> = {};
  const pattern = /extern "C" fn (\w+)\s*\(([^)]*)\)\s*->\s*(\w+)/g;
  for (const [, name, list, result] of source.matchAll(pattern)) {
    const parameters = list.split(",").map((part) => part.trim()).filter((part) => part !== "")
      .map((part) => ffiType(part.slice(part.indexOf(":") + 1).trim()));
    found[name] = { parameters, result };
  }
  return found;
}

function body(source: string, head: string): string {
  const start = source.indexOf(head);
  assert.ok(start >= 0, `"${head}" is not in the Rust source`);
  return source.slice(start, source.indexOf("\n}", start));
}

/** Variants of an enum with their numbers. */
function variants(file: string, name: string): Numbers {
  const found: Numbers = {};
  const text = body(rust(file), `pub enum ${name} {`);
  for (const [, variant, number] of text.matchAll(/^\s+(\w+) = (\d+),/gm)) {
    found[variant] = Number(number);
  }
  return found;
}

/** Constants at the outermost level of a piece of source. */
function constants(source: string): Numbers {
  const found: Numbers = {};
  for (const [, name, value] of source.matchAll(/pub const (\w+): \w+ = ([^;]+);/g)) {
    const text = value.replaceAll("_", "").trim();
    if (text === "u32::MAX") found[name] = 0xffff_ffff;
    else if (/^1 << \d+$/.test(text)) found[name] = 1n << BigInt(text.slice(5));
    else if (/^(0x[0-9a-fA-F]+|\d+)$/.test(text)) found[name] = Number(text);
  }
  return found;
}

/** `noReplace` or `copy_file_range` as Rust writes it for variants: `NoReplace`, `CopyFileRange`. */
function pascal(name: string): string {
  return name.replace(/(^|_)(\w)/g, (_, _gap, letter: string) => letter.toUpperCase());
}

/** `noReplace` as Rust writes it for constants: `NO_REPLACE`. */
function upper(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function renamed(numbers: Readonly<Numbers>, rename: (name: string) => string): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([name, n]) => [rename(name), n]));
}

Deno.test("every native function is declared with its own parameters, and no other", () => {
  const declared = Object.fromEntries(
    Object.entries(SYMBOLS).map(([name, { parameters, result }]) => [name, {
      parameters: [...parameters],
      result,
    }]),
  );
  assert.deepEqual(declared, signatures(rust("lib.rs")));
});

Deno.test("the calls that may wait, and no others, leave the main thread", () => {
  const waiting = Object.entries(SYMBOLS).filter(([, symbol]) => "nonblocking" in symbol)
    .map(([name]) => name);
  assert.deepEqual(waiting, [
    "blit_pool_collect",
    "blit_root_open",
    "blit_root_probe",
    "blit_root_open_at",
  ]);
});

Deno.test("statuses have the same numbers", () => {
  assert.deepEqual(variants("status.rs", "Status"), { Ok: 0, ...renamed(STATUS, pascal) });
});

Deno.test("steps have the same order", () => {
  const shorter: Record<string, string> = {
    "set extended attributes of": "SetXattrs",
    "read metadata of": "Stat",
    "allocate space for": "Allocate",
  };
  const words = STEPS.map((step) =>
    shorter[step] ?? pascal(step.replace(/ of$/, "").replaceAll(" ", "_"))
  );
  assert.deepEqual(Object.keys(variants("status.rs", "Step")), words);
  assert.deepEqual(Object.values(variants("status.rs", "Step")), [...STEPS.keys()]);
});

Deno.test("operations, kinds and frame types have the same numbers", () => {
  assert.deepEqual(variants("request.rs", "Op"), renamed(Op, pascal));
  assert.deepEqual(variants("block.rs", "Kind"), renamed(Kind, pascal));
  assert.deepEqual(variants("frame.rs", "FrameType"), renamed(FrameType, pascal));
});

Deno.test("flags and actions have the same numbers", () => {
  const request = rust("request.rs"), results = rust("results.rs");
  const { ALL, ...flags } = constants(body(request, "pub mod flag {"));
  assert.deepEqual(flags, renamed(BatchFlag, upper));
  assert.equal(ALL, Object.values(BatchFlag).reduce((all: number, flag) => all | flag, 0));
  assert.deepEqual(constants(body(request, "pub mod action {")), renamed(CopyAction, upper));
  assert.deepEqual(
    constants(body(results, "pub mod result_flag {")),
    renamed(ResultFlag, upper),
  );
});

Deno.test("copy methods that native code uses have the same numbers", () => {
  const methods = constants(body(rust("results.rs"), "pub mod method {"));
  assert.ok(Object.keys(methods).length > 0);
  for (const [name, number] of Object.entries(methods)) {
    assert.equal(COPY_METHODS[Number(number)]?.toUpperCase(), name);
  }
});

Deno.test("sizes and single numbers are the same", () => {
  const expected: Record<string, Numbers> = {
    "abi.rs": { MAGIC: ABI_MAGIC, ABI_VERSION, ABI_WORDS: ABI_RECORD.length },
    "block.rs": {
      BLOCK_VERSION,
      HEADER_BYTES,
      RECORD_BYTES,
      NO_PARENT,
      BLOCK_SORTED,
      BLOCK_LAST,
      ENTRY_STAGED,
    },
    "control.rs": { RUN_SLOTS, WORKER_SLOTS, SLOT_BYTES: CONTROL_SLOT_BYTES },
    "frame.rs": {
      FRAME_BYTES: FRAME_HEADER_BYTES,
      FRAME_LAST,
      TOO_SMALL: BigInt(OUT_LEN_TOO_SMALL) << 32n,
    },
    "probe.rs": { PROBE_BYTES },
    "request.rs": { REQUEST_BYTES },
    "results.rs": { RESULT_BYTES },
    "root.rs": { MAKE: ROOT_CREATE },
    "subroot.rs": { FOLLOW: ROOT_FOLLOW },
    "net/dial.rs": { HEAD_BYTES: DIAL_BYTES, TLS: NET_TLS },
    "net/listen.rs": { HEAD_BYTES: SETTINGS_BYTES, TLS: NET_TLS },
    "net/terms.rs": {
      TERMS_BYTES,
      CLOSED_BYTES,
      LASTED,
      READ: Right.read,
      WRITE: Right.write,
      TRUST_METADATA: Trust.metadata,
    },
  };
  for (const [file, numbers] of Object.entries(expected)) {
    const found = constants(rust(file));
    for (const [name, number] of Object.entries(numbers)) {
      assert.equal(found[name], number, `${name} in ${file}`);
    }
  }
});
