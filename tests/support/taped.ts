/**
 * Recorded conversations between a client and a daemon: the bodies of their calls, and a daemon that knows nothing else.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createServer, type ServerHttp2Stream } from "node:http2";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { EntryBlock, EntryBlockWriter } from "../../src/core/entry_block.ts";
import { bytesToName } from "../../src/core/rel_path.ts";
import {
  ListRequestSchema,
  ListResponseSchema,
  StatRequestSchema,
  StatResponseSchema,
} from "../../src/gen/blit/v1/session_pb.ts";

/** One call, as it was recorded. */
export interface TapedCall {
  /** `/service/method`. */
  readonly path: string;
  /** Bodies, base64; those of streams are envelopes. */
  readonly request: string;
  readonly response: string;
}

/** Flags and length stand before each message of a stream. */
const HEAD_BYTES = 5;
/** Flag of the last envelope of a response, which says how the call ended. */
export const END = 2;

/** One message of a stream, in its envelope. */
export interface Envelope {
  readonly flags: number;
  /** Head and message. */
  readonly bytes: Uint8Array;
  /** Whether all of it is there. */
  readonly isWhole: boolean;
}

/** The envelopes of a stream's body, the last one perhaps cut off. */
export function envelopes(body: Uint8Array): Envelope[] {
  const found: Envelope[] = [];
  for (let at = 0; at + HEAD_BYTES <= body.length;) {
    const end = at + HEAD_BYTES + lengthOf(body.subarray(at));
    found.push({ flags: body[at], bytes: body.subarray(at, end), isWhole: end <= body.length });
    at = end;
  }
  return found;
}

function lengthOf(envelope: Uint8Array): number {
  return new DataView(envelope.buffer, envelope.byteOffset).getUint32(1);
}

/** The message in an envelope. */
export function messageIn(envelope: Uint8Array): Uint8Array {
  return envelope.subarray(HEAD_BYTES);
}

/** An envelope for a message. */
export function envelope(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, HEAD_BYTES);
  return bytes;
}

/** A daemon that answers each call with what was recorded, whatever it is asked. */
export async function withTaped(
  calls: readonly TapedCall[],
  test: (port: number) => Promise<void>,
): Promise<void> {
  const recorded = calls.filter(({ path }) => path.endsWith("/Stat")).map(({ response }) =>
    new EntryBlock(
      Uint8Array.from(fromBinary(StatResponseSchema, Buffer.from(response, "base64")).block),
    )
  );
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const call = calls.find(({ path }) => path === headers[":path"]);
    const type = String(headers["content-type"]);
    stream.respond({ ":status": call ? 200 : 404, "content-type": type });
    if (call) answer(stream, call, { isStream: type.startsWith("application/connect"), recorded });
    else stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await test((server.address() as { port: number }).port);
  } finally {
    // From a turn of its own, as Deno 2.9 needs it.
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }, 0)
    );
  }
}

function answer(
  stream: ServerHttp2Stream,
  { path, response }: TapedCall,
  { isStream, recorded }: { isStream: boolean; recorded: readonly EntryBlock[] },
): void {
  const body = Buffer.from(response, "base64");
  const said = isStream ? envelopes(body) : [];
  const next = said.filter(({ flags }) => (flags & END) === 0);
  const isList = path.endsWith("/List");
  let heard = new Uint8Array(0);
  stream.on("data", (bytes: Uint8Array) => {
    heard = Buffer.concat([heard, bytes]);
    for (const { bytes, isWhole } of isStream ? envelopes(heard) : []) {
      if (!isWhole) break;
      heard = heard.subarray(bytes.length);
      // An answer for each message of the client's, or for each directory that it asks for.
      let due = isList ? fromBinary(ListRequestSchema, messageIn(bytes)).directories.length : 1;
      while (next.length > 0 && (due > 0 || (isList && isAhead(next[0])))) {
        if (!isList || !isAhead(next[0])) due--;
        stream.write(next.shift()!.bytes);
      }
    }
  });
  stream.on("end", () => {
    if (isStream) stream.end(said.find(({ flags }) => (flags & END) !== 0)?.bytes);
    else stream.end(path.endsWith("/Stat") ? stat(recorded, heard) : body);
  });
}

/** What was recorded of the paths that are asked for: a client may ask for more of them at a time than an older one. */
function stat(recorded: readonly EntryBlock[], question: Uint8Array): Uint8Array {
  const { paths } = fromBinary(StatRequestSchema, question);
  const writer = new EntryBlockWriter(paths.length);
  for (const path of paths.map((bytes) => bytesToName(Uint8Array.from(bytes)))) {
    const about = recorded.find((block) => block.name(0) === path);
    if (about) writer.copy(about, 0);
  }
  return toBinary(StatResponseSchema, create(StatResponseSchema, { block: writer.finish() }));
}

/** Whether an answer lists what nobody had asked for yet. */
function isAhead({ bytes }: Envelope): boolean {
  return fromBinary(ListResponseSchema, messageIn(bytes)).blocks.every(({ ahead }) => ahead);
}
