/**
 * Streams of the data plane as an attacker opens them: every byte is the caller's.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { RawClient } from "../remote/daemon_support.ts";
import { AnswerReader } from "../../src/wire/preamble.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";

/** Most bytes of a tunnel's message. */
const MESSAGE_BYTES = 256 << 10;

/** The bytes before a stream's first record. */
export function preamble(token: string): Uint8Array {
  const bytes = Buffer.from(`BLIT\x01\0\0\0${token}`, "latin1");
  bytes.writeUInt16LE(token.length & 0xffff, 6);
  return bytes;
}

/**
 * Opens a stream over TCP, or over TLS where it must show a certificate.
 *
 * @param beginning what is sent first: {@link preamble}, or anything else
 * @param certificateSha256 of the certificate; null: the stream is plain
 * @throws {BlitError} the kind that the daemon refuses it with; `disconnected` where it hangs up
 */
export async function dialRaw(
  port: number,
  beginning: Uint8Array,
  certificateSha256: Uint8Array | null,
): Promise<Duplex> {
  const to = { port, host: "127.0.0.1", noDelay: true };
  const socket = certificateSha256 === null
    ? connect(to)
    : connectTls({ ...to, ALPNProtocols: ["blit/1"], rejectUnauthorized: false });
  socket.on("error", () => {});
  if (certificateSha256 !== null) {
    await new Promise((resolve) => socket.once("secureConnect", resolve).once("close", resolve));
    if (socket.destroyed) throw new Refused("it hung up");
    const shown = (socket as TLSSocket).getPeerCertificate().fingerprint256.replaceAll(":", "");
    assert.equal(shown.toLowerCase(), Buffer.from(certificateSha256).toString("hex"));
  }
  socket.write(beginning);
  const chunks = socket[Symbol.asyncIterator]();
  return await answered({
    send: (bytes) =>
      new Promise((resolve) => {
        // Where the daemon has hung up, what comes says so.
        if (socket.destroyed || socket.write(bytes)) return resolve();
        socket.once("drain", resolve);
        socket.once("close", () => resolve());
      }),
    async *receive() {
      try {
        for (;;) {
          const chunk = await chunks.next();
          if (chunk.done) return;
          yield chunk.value;
        }
      } catch {
        // A reset is an end.
      }
    },
    close: () => void socket.destroy(),
  });
}

/** Opens a stream in messages of the control plane. */
export async function tunnelRaw(client: RawClient, token: string): Promise<Duplex> {
  const outbox: { token?: string; data?: Uint8Array; creditBytes?: bigint }[] = [{ token }];
  let wake = Promise.withResolvers<void>();
  let isClosed = false;
  const stir = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const requests = async function* () {
    for (;;) {
      const next = outbox.shift();
      if (next) yield next;
      else if (isClosed) return;
      else await wake.promise;
    }
  };
  const abort = new AbortController();
  const messages = client.sessions.tunnel(requests(), { signal: abort.signal });
  return await answered({
    send: (data) => {
      for (let at = 0; at < data.length; at += MESSAGE_BYTES) {
        outbox.push({ data: data.subarray(at, at + MESSAGE_BYTES) });
      }
      stir();
      return Promise.resolve();
    },
    async *receive() {
      for await (const { data } of messages) {
        if (data.length === 0) continue;
        outbox.push({ creditBytes: BigInt(data.length) });
        stir();
        yield data;
      }
    },
    close: () => {
      isClosed = true;
      stir();
      abort.abort();
    },
  });
}

/** A link whose answer to the token has come, and was yes. */
async function answered(link: Duplex): Promise<Duplex> {
  const reader = new AnswerReader();
  const chunks = link.receive()[Symbol.asyncIterator]();
  const rest: Uint8Array[] = [];
  let came = 0;
  try {
    while (came < 8) {
      const { value, done } = await chunks.next();
      if (done) throw new Refused("it hung up");
      came += value.length;
      rest.push(reader.take(value));
    }
  } catch (error) {
    link.close();
    throw error;
  }
  return {
    send: link.send,
    async *receive() {
      yield* rest.filter(({ length }) => length > 0);
      for (;;) {
        const { value, done } = await chunks.next();
        if (done) return;
        yield value;
      }
    },
    close: link.close,
  };
}

/** The daemon closed a stream without an answer. */
export class Refused extends Error {}
