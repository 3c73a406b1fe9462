/**
 * The data plane as native code has it: ports that it accepts from, streams that it serves or uses.
 * Who may do what is decided by the callers; docs/native.md, "Network", says what native code does.
 *
 * @module
 */
import { BlitError, type ErrorKind, kindOfStatus, STATUS } from "../core/error.ts";
import { BatchBuilder, Op, withTrailing } from "../core/work_batch.ts";
import { addressText, packAddress } from "./address.ts";
import { checkCode } from "./errors.ts";
import {
  ARRIVAL_BYTES,
  DIAL_BYTES,
  FrameType,
  LASTED,
  NET_TLS,
  Right,
  SETTINGS_BYTES,
  TERMS_BYTES,
  Trust,
} from "./layout.ts";
import type { NativePool } from "./pool.ts";

/** How a port keeps strangers short. */
export interface ListenSettings {
  /** Certificate (DER) and key (PKCS #8 DER) for TLS 1.3; left out, streams are plain. */
  readonly tls?: { readonly certificate: Uint8Array; readonly key: Uint8Array };
  /** Connections kept before they are bound, 1 to 1,024; 64 if left out. */
  readonly unboundInAll?: number;
  /** The same from one address; 16 if left out. */
  readonly unboundPerAddress?: number;
  /** From accepting a connection to binding it, up to 60,000; 5,000 if left out. */
  readonly timeLimitMs?: number;
}

/** A connection that said its token and waits for {@link bind} or {@link refuse}. */
export interface Arrival {
  /** The stream's handle. */
  readonly stream: number;
  /** What it said, not looked at yet; one char per byte. */
  readonly token: string;
  /** Address of the peer. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
}

/** A port that native code accepts from. */
export interface Listener {
  /** Resolves once it is closed, or its pool is; rejects where it broke. */
  readonly closed: Promise<void>;
  /** Accepts no more, and closes what isn't bound yet; later calls do nothing. */
  close(): void;
}

/** What a session lets one of its streams do. */
export interface BindTerms {
  /** Handle of the root that the stream works on. */
  readonly root: number;
  /** Content may be sent to the peer. */
  readonly read: boolean;
  /** Content may be taken from the peer. */
  readonly write: boolean;
  /** Flags of `BatchFlag` that are kept of what the peer sets. */
  readonly flags: number;
  /** Take owners, set-id bits, devices and security attributes from the peer. */
  readonly trustMetadata: boolean;
  /** Names the staged entries. */
  readonly runId: bigint;
  /** Run slot of the control block; `NO_RUN_SLOT` where it is neither counted nor cancelled. */
  readonly slot: number;
  /** Longest silence of the peer, ms; 30,000 if left out. */
  readonly idleMs?: number;
}

/** How a stream ended, and what went over it. */
export interface StreamClosed {
  /** Null where the peer closed it between two batches. */
  readonly kind: ErrorKind | null;
  /** The system's error number; 0 if none. */
  readonly os: number;
  /** Batches carried out. */
  readonly batches: number;
  /** Entries of them that were no directories. */
  readonly files: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Time that the batches took, s. */
  readonly batchSeconds: number;
  /** How many took up to 1 ms, longer and up to 2 ms, and so on doubling; the last number is of all that took longer. */
  readonly batchesLasted: readonly number[];
}

/** Where a daemon's data plane is, and what to say to it. */
export interface DialTarget {
  /** IP address, as the control connection resolved it. */
  readonly address: string;
  readonly port: number;
  /** One-time token, at most 1,016 bytes. */
  readonly token: string;
  /** Time for connection, handshake and answer together, up to 60,000. */
  readonly timeoutMs: number;
  /** SHA-256 of the certificate (DER) to accept; left out, the link is plain. */
  readonly certificateSha256?: Uint8Array;
  /** Run slot: dialling ends when the run is cancelled. */
  readonly slot: number;
}

/**
 * Has native code accept from a port that this process listens on. The caller keeps its own listener
 * open and never accepts from it.
 *
 * @param port the port of a `Deno.listen` of this process
 * @param onArrival told of each connection once its token is there; must not throw
 * @throws {BlitError} `usage` for a certificate and a key that don't fit; `not_found` where this process
 *   doesn't listen on the port; `unsupported` on Windows
 */
export function listen(
  pool: NativePool,
  port: number,
  settings: ListenSettings,
  onArrival: (arrival: Arrival) => void,
): Listener {
  const { promise: closed, resolve, reject } = Promise.withResolvers<void>();
  const packed = packSettings(settings);
  let job = 0n;
  let open = true;
  const code = pool.begin(
    (id) => {
      job = id;
      return pool.symbols.blit_net_listen(id, port, packed, BigInt(packed.length));
    },
    0,
    {
      frame(type, payload) {
        if (type === FrameType.arrival) onArrival(readArrival(payload));
      },
      end(error) {
        open = false;
        if (error && error.kind !== "cancelled") reject(error);
        else resolve();
      },
    },
  );
  checkListening(code, port);
  return {
    closed,
    close() {
      if (!open) return;
      open = false;
      pool.symbols.blit_net_unlisten(job);
    },
  };
}

/**
 * Lets an arrival, or a tunnel, work.
 *
 * @returns how it ended, once it did; `disconnected` at once where the peer went meanwhile
 * @throws {BlitError} `cancelled` where the pool is closed
 */
export function bind(pool: NativePool, stream: number, terms: BindTerms): Promise<StreamClosed> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamClosed>();
  let closed: StreamClosed | null = null;
  const code = pool.begin(
    (id) => {
      const packed = packTerms(terms, id);
      return pool.symbols.blit_net_bind(stream, packed, BigInt(packed.length));
    },
    terms.slot,
    {
      frame(type, payload) {
        if (type === FrameType.closed) closed = readClosed(payload);
      },
      end(error) {
        if (closed) resolve(closed);
        else {reject(
            error ?? new BlitError("bug", "Cannot serve a stream: it ended without a word."),
          );}
      },
    },
  );
  if (-code === STATUS.disconnected) {
    return Promise.resolve({
      kind: "disconnected",
      os: 0,
      batches: 0,
      files: 0,
      bytesIn: 0,
      bytesOut: 0,
      batchSeconds: 0,
      batchesLasted: new Array(LASTED).fill(0),
    });
  }
  checkCode(code, "serve a stream");
  return promise;
}

/**
 * Tells an arrival, or a tunnel, why not, and closes it; one that is gone already is fine.
 *
 * @param kind what its peer is told
 */
export function refuse(pool: NativePool, stream: number, kind: ErrorKind): void {
  const packed = new Uint8Array(new ArrayBuffer(TERMS_BYTES));
  new DataView(packed.buffer).setUint32(0, STATUS[kind], true);
  const code = pool.symbols.blit_net_bind(stream, packed, BigInt(packed.length));
  if (-code !== STATUS.disconnected) checkCode(code, "refuse a stream");
}

/**
 * Opens a stream to a daemon.
 *
 * @returns the stream's handle, for batches; close it with {@link closeStream}
 * @throws {BlitError} `disconnected` where nobody answers in time; `unauthenticated` where the certificate
 *   is another one; `mismatch` where something else answers; `cancelled`; or what the daemon refused it with
 */
export async function dial(pool: NativePool, target: DialTarget): Promise<number> {
  const request = withTrailing(new BatchBuilder(Op.dial, 0).finish(), packDial(target));
  try {
    const { payload } = await pool.call(request, { slot: target.slot });
    return new DataView(payload!.buffer).getUint32(0, true);
  } catch (error) {
    throw error instanceof BlitError ? dialError(error, target) : error;
  }
}

/** Sets how long the peer of a stream that this process opens may be silent, 1,000 to 3,600,000 ms. */
export function setIdle(pool: NativePool, idleMs: number): void {
  checkCode(pool.symbols.blit_net_idle(idleMs), "set the limit of silence");
}

/** Closes a stream: the work on it ends with `disconnected`. One that is closed already, by itself or with the pool, is fine. */
export function closeStream(pool: NativePool, stream: number): void {
  const code = pool.symbols.blit_net_close(stream);
  if (-code !== STATUS.disconnected && -code !== STATUS.cancelled) {
    checkCode(code, "close a stream");
  }
}

function packSettings(settings: ListenSettings): Uint8Array<ArrayBuffer> {
  const { tls } = settings;
  const certificate = tls?.certificate ?? new Uint8Array(0);
  const key = tls?.key ?? new Uint8Array(0);
  const bytes = new Uint8Array(
    new ArrayBuffer(SETTINGS_BYTES + certificate.length + key.length),
  );
  const words = [
    tls ? NET_TLS : 0,
    settings.unboundInAll ?? 64,
    settings.unboundPerAddress ?? 16,
    settings.timeLimitMs ?? 5000,
    certificate.length,
    key.length,
  ];
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  bytes.set(certificate, SETTINGS_BYTES);
  bytes.set(key, SETTINGS_BYTES + certificate.length);
  return bytes;
}

function checkListening(code: number, port: number): void {
  if (code === 0) return;
  const kind = kindOfStatus(-code);
  const why: Partial<Record<ErrorKind, string>> = {
    usage: "the certificate and its key don't fit, or a limit is out of range. Check the settings.",
    not_found: "this process doesn't listen on it. This is a bug in blit: please report it.",
    unsupported: "this build or this system can't. Run the daemon on Linux or macOS.",
    too_many_files: "too many files are open. Raise the limit of open files (ulimit -n).",
  };
  const words = why[kind] ?? `the native library answered "${kind}". Try again.`;
  throw new BlitError(kind, `Cannot accept from port ${port}: ${words}`, { operation: "accept" });
}

function readArrival(payload: Uint8Array<ArrayBuffer>): Arrival {
  const view = new DataView(payload.buffer);
  const tokenLength = view.getUint32(4, true);
  const token = payload.subarray(ARRIVAL_BYTES, ARRIVAL_BYTES + tokenLength);
  return {
    stream: view.getUint32(0, true),
    token: String.fromCharCode(...token),
    address: addressText(payload.subarray(8, 24)),
    port: view.getUint16(24, true),
  };
}

function packTerms(terms: BindTerms, job: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(TERMS_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, terms.root, true);
  view.setUint32(8, (terms.read ? Right.read : 0) | (terms.write ? Right.write : 0), true);
  view.setUint32(12, terms.flags, true);
  view.setBigUint64(16, terms.runId, true);
  view.setBigUint64(24, job, true);
  view.setUint32(32, terms.slot, true);
  view.setUint32(36, terms.trustMetadata ? Trust.metadata : 0, true);
  view.setUint32(40, terms.idleMs ?? 30_000, true);
  return bytes;
}

function readClosed(payload: Uint8Array<ArrayBuffer>): StreamClosed {
  const view = new DataView(payload.buffer);
  const status = view.getUint32(0, true);
  const long = (at: number) => Number(view.getBigUint64(at, true));
  return {
    kind: status === 0 ? null : kindOfStatus(status),
    os: view.getUint32(4, true),
    batches: long(8),
    files: long(16),
    bytesIn: long(24),
    bytesOut: long(32),
    batchSeconds: long(40) / 1e6,
    batchesLasted: Array.from({ length: LASTED }, (_, i) => long(48 + 8 * i)),
  };
}

function packDial(target: DialTarget): Uint8Array {
  const { bytes: address, scope } = packAddress(target.address);
  const token = new TextEncoder().encode(target.token);
  const bytes = new Uint8Array(DIAL_BYTES + token.length);
  const view = new DataView(bytes.buffer);
  bytes.set(address, 0);
  view.setUint16(16, target.port, true);
  view.setUint16(18, token.length, true);
  view.setUint32(20, target.timeoutMs, true);
  view.setUint32(24, target.certificateSha256 ? NET_TLS : 0, true);
  view.setUint32(28, scope, true);
  if (target.certificateSha256) bytes.set(target.certificateSha256, 32);
  bytes.set(token, DIAL_BYTES);
  return bytes;
}

/** The same failure in words about the host, since a failed job only knows of files. */
function dialError(error: BlitError, target: DialTarget): BlitError {
  const { address, port, certificateSha256 } = target;
  const host = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const reason = error.os?.code ? ` (${error.os.code})` : "";
  const why: Partial<Record<ErrorKind, string>> = {
    disconnected:
      `nobody answers there${reason}. Check the daemon, and that no firewall stands between.`,
    unauthenticated: certificateSha256
      ? "it doesn't show the certificate that the daemon named, or knows nothing of this stream. " +
        "Check that nothing stands between."
      : "it knows nothing of this stream. Run again.",
    mismatch: "something else than a daemon answers there.",
    unsupported: "this build has no TLS. Use another build, or the control plane alone.",
    cancelled: "interrupted.",
    permission: `the system forbids it${reason}. Check the firewall of this machine.`,
  };
  const words = why[error.kind] ?? `it refused the stream as "${error.kind}".`;
  return new BlitError(error.kind, `Cannot open a stream to ${host}: ${words}`, {
    operation: "open a stream",
    os: error.os,
    cause: error,
  });
}
