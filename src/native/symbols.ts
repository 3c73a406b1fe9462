/**
 * The native library's functions, declared once; docs/native.md says what each does.
 *
 * `tests/abi_test.ts` matches this table to the signatures in `ffi/src/lib.rs`.
 *
 * @module
 */

/** Every function of the native library, as `Deno.dlopen` takes it. All return 0 or -status. */
export const SYMBOLS = {
  blit_abi_describe: { parameters: ["buffer", "usize"], result: "i32" },
  blit_pool_open: { parameters: ["u32", "buffer", "usize"], result: "i32" },
  blit_pool_resize: { parameters: ["u32"], result: "i32" },
  blit_pool_submit: { parameters: ["buffer", "usize"], result: "i32" },
  // The one call that waits: TypeScript keeps at most one of them pending in the whole process.
  blit_pool_collect: {
    parameters: ["buffer", "usize", "u32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  blit_pool_close: { parameters: [], result: "i32" },
  // Opening and probing may touch a sleeping disk or a dead server.
  blit_root_open: {
    parameters: ["buffer", "usize", "u32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  blit_root_close: { parameters: ["u32"], result: "i32" },
  blit_root_probe: { parameters: ["u32", "buffer", "usize"], result: "i32", nonblocking: true },
  blit_root_open_at: {
    parameters: ["u32", "buffer", "usize", "u32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  blit_net_listen: { parameters: ["u64", "u32", "buffer", "usize"], result: "i32" },
  blit_net_unlisten: { parameters: ["u64"], result: "i32" },
  blit_net_bind: { parameters: ["u32", "buffer", "usize"], result: "i32" },
  blit_net_idle: { parameters: ["u32"], result: "i32" },
  blit_net_tunnel: { parameters: ["u64", "buffer"], result: "i32" },
  blit_net_feed: { parameters: ["u32", "buffer", "usize", "u64"], result: "i32" },
  blit_net_close: { parameters: ["u32"], result: "i32" },
  blit_service_notify: { parameters: ["buffer", "usize", "buffer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded functions. */
export type NativeSymbols = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;
