/**
 * What older clients and daemons said, recorded, is understood by the other side of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { EntryBlock } from "../../src/core/entry_block.ts";
import { bytesToName } from "../../src/core/rel_path.ts";
import { OpenRootRequestSchema, OpenRootResponseSchema } from "../../src/gen/blit/v1/root_pb.ts";
import {
  GrantRequestSchema,
  GrantResponseSchema,
  ListRequestSchema,
  ListResponseSchema,
  OpenResponseSchema,
  TunnelRequestSchema,
  TunnelResponseSchema,
} from "../../src/gen/blit/v1/session_pb.ts";
import { assertStatus } from "../support/judges.ts";
import { scratch } from "../support/cli.ts";
import {
  END,
  envelope,
  envelopes,
  messageIn,
  type TapedCall,
  withTaped,
} from "../support/taped.ts";
import recorded from "../vectors/hello_1_0.json" with { type: "json" };
import conversations from "../vectors/conversations_1_0.json" with { type: "json" };
import { daemonTest, type Scene } from "./daemon_support.ts";

/** An older client: it sends what was recorded, but for the names that the daemon of today gave. */
class OldClient {
  readonly #http2;
  readonly #open: ClientHttp2Stream[] = [];
  #session = "";
  #root = 0;

  constructor(scene: Scene) {
    this.#http2 = connectHttp2(`http://127.0.0.1:${scene.daemon.port}`);
  }

  /** Opens a session by a recorded hello. */
  async hello(body: string) {
    const stream = this.#call("/blit.v1.Sessions/Open", "application/connect+proto");
    stream.write(Buffer.from(body, "base64"));
    const first = await nextEnvelope(stream);
    const { message } = fromBinary(OpenResponseSchema, messageIn(first));
    assert.equal(message.case, "welcome");
    assert.ok(message.case === "welcome");
    this.#session = message.value.session;
    this.#open.push(stream);
    return message.value;
  }

  /** Makes a recorded call with one request and one answer. */
  async unary(path: string, body: Uint8Array): Promise<Uint8Array> {
    const stream = this.#call(path, "application/proto");
    stream.end(body);
    return Buffer.concat(await stream.toArray());
  }

  /** A recorded request within today's session and root. */
  named<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> {
    const message = fromBinary(schema, bytes) as MessageShape<T> & Record<string, unknown>;
    const given: Record<string, unknown> = { session: this.#session, root: this.#root };
    for (const [name, value] of Object.entries(given)) {
      if (name in message) Object.assign(message, { [name]: value });
    }
    return message;
  }

  async openRoot({ path, request }: TapedCall): Promise<void> {
    const asked = this.named(OpenRootRequestSchema, Buffer.from(request, "base64"));
    const answer = await this.unary(path, toBinary(OpenRootRequestSchema, asked));
    this.#root = fromBinary(OpenRootResponseSchema, answer).root;
  }

  /** Sends what a recorded stream of requests was, each changed by `today`, and reads until `isAll` of the answers are there. */
  async stream(
    { path, request }: TapedCall,
    today: (message: Uint8Array) => Uint8Array,
    isAll: (said: Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    const stream = this.#call(path, "application/connect+proto");
    for (const { bytes } of envelopes(Buffer.from(request, "base64"))) {
      stream.write(envelope(today(messageIn(bytes))));
    }
    let said = Buffer.alloc(0);
    for await (const bytes of stream) {
      said = Buffer.concat([said, bytes]);
      if (isAll(messages(said))) stream.end();
    }
    return messages(said);
  }

  async close(): Promise<void> {
    for (const stream of this.#open) {
      const closed = new Promise((resolve) => stream.once("close", resolve));
      stream.resume();
      stream.end();
      await closed;
    }
    await new Promise<void>((resolve) => this.#http2.close(resolve));
  }

  #call(path: string, type: string): ClientHttp2Stream {
    const stream = this.#http2.request({
      ":method": "POST",
      ":path": path,
      "content-type": type,
      "connect-protocol-version": "1",
    });
    stream.on("error", () => {});
    return stream;
  }
}

function nextEnvelope(stream: ClientHttp2Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    stream.once("data", (bytes: Uint8Array) => resolve(envelopes(bytes)[0].bytes));
    stream.once("error", reject);
  });
}

function taped(name: "list" | "pull" | "push", method: string): TapedCall {
  return conversations[name].find(({ path }) => path === `/blit.v1.Sessions/${method}`)!;
}

/** The messages of a body that are whole by now. */
function messages(body: Uint8Array): Uint8Array[] {
  return envelopes(body).filter(({ flags, isWhole }) => isWhole && (flags & END) === 0)
    .map(({ bytes }) => messageIn(bytes));
}

/** What blocks list, by directory: names with their kinds and sizes. */
function manifest(answers: readonly Uint8Array[]): string[] {
  return answers.flatMap((bytes) =>
    fromBinary(ListResponseSchema, bytes).blocks.flatMap(({ path, block }) => {
      const entries = new EntryBlock(Uint8Array.from(block));
      return Array.from({ length: entries.count }, (_, i) => {
        const at = `${bytesToName(path as Uint8Array<ArrayBuffer>)}/${entries.name(i)}`;
        return `${at} ${entries.kind(i)} ${entries.sizeBytes(i)} ${entries.mtimeNs(i)}`;
      });
    })
  ).sort();
}

daemonTest("the recorded hello of protocol 1.0 opens a session", async (scene) => {
  const client = new OldClient(scene);
  const welcome = await client.hello(recorded.hello);
  assert.equal(welcome.version?.major, 1);
  assert.ok(welcome.rights.includes("read"));
  await client.close();
});

daemonTest("a recorded client of protocol 1.0 gets its manifest", async (scene) => {
  plant(scene.folder);
  const client = new OldClient(scene);
  await client.hello(taped("list", "Open").request);
  await client.openRoot(taped("list", "OpenRoot"));
  const list = taped("list", "List");
  const listed = manifest(messages(Buffer.from(list.response, "base64")));
  const answers = await client.stream(
    list,
    (bytes) => {
      const asked = fromBinary(ListRequestSchema, bytes);
      if (asked.session === "") return bytes;
      return toBinary(ListRequestSchema, client.named(ListRequestSchema, bytes));
    },
    (said) => manifest(said).length >= listed.length,
  );
  assert.deepEqual(manifest(answers), listed);
  await client.close();
});

daemonTest("a recorded client of protocol 1.0 sends a file", async (scene) => {
  const client = new OldClient(scene);
  await client.hello(taped("push", "Open").request);
  await client.openRoot(taped("push", "OpenRoot"));
  const { path, request } = taped("push", "Grant");
  const asked = client.named(GrantRequestSchema, Buffer.from(request, "base64"));
  const granted = await client.unary(path, toBinary(GrantRequestSchema, asked));
  const [token] = fromBinary(GrantResponseSchema, granted).tokens;
  const tunnel = taped("push", "Tunnel");
  const bytesSaid = (said: Uint8Array[]) =>
    said.reduce((sum, bytes) => sum + fromBinary(TunnelResponseSchema, bytes).data.length, 0);
  const wanted = bytesSaid(messages(Buffer.from(tunnel.response, "base64")));
  await client.stream(
    tunnel,
    (bytes) => {
      const { token: recorded, ...rest } = fromBinary(TunnelRequestSchema, bytes);
      if (recorded === "") return bytes;
      return toBinary(TunnelRequestSchema, create(TunnelRequestSchema, { ...rest, token }));
    },
    (said) => bytesSaid(said) >= wanted,
  );
  const sent = `${scene.folder}/pushed/ünïcode`;
  assert.equal(Deno.readTextFileSync(sent), "0123456789");
  assert.equal(Deno.statSync(sent).mtime?.getTime(), 1_700_000_000_123);
  await client.close();
});

Deno.test(
  "a client of today lists and copies from a recorded daemon of protocol 1.0",
  scratch(async (dir) => {
    await withTaped(conversations.list, async (port) => {
      const ran = await dir.blit("ls", "--recursive", "--json", `127.0.0.1:${port}://`);
      assertStatus(ran, 0);
      const names = ran.json().map((
        { name, size }: { name: string; size: number },
      ) => [name, size]);
      assert.deepEqual(names.length, 8);
      assert.deepEqual(names.slice(0, 3), [["a.txt", 5], ["link", 5], ["pipe", 0]]);
      assert.deepEqual(names.at(-1), ["sub/ünïcode", 10]);
    });
    await withTaped([...conversations.pull, ...conversations.list], async (port) => {
      const from = `127.0.0.1:${port}://a.txt`;
      assertStatus(await dir.blit("copy", "--force-grpc-data", from, "got/"), 0);
      assert.deepEqual(await dir.files("got"), { "a.txt": "hello" });
      const { mode, mtime } = Deno.statSync(`${dir.path}/got/a.txt`);
      assert.deepEqual([mode! & 0o7777, mtime?.getTime()], [0o640, 1_700_000_000_123]);
    });
  }),
);

/** The tree that was recorded. */
function plant(folder: string): void {
  const script = `mkdir -p sub/deep && printf hello > a.txt && printf 0123456789 > sub/ünïcode &&
    printf x > "$(printf 'sub/raw\\377')" && ln -s a.txt link && mkfifo pipe && ln a.txt sub/hard &&
    touch -h -d @1700000000.123456789 a.txt sub/* link pipe && touch -d @1700000001 sub/deep sub .`;
  const { success } = new Deno.Command("sh", { args: ["-c", script], cwd: folder }).outputSync();
  assert.ok(success);
}
