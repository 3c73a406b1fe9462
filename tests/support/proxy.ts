/**
 * A TCP proxy between client and daemon that does to their bytes what bad networks do.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of some bytes: they are passed on as returned; null cuts the connection. */
export type Meddle = (bytes: Uint8Array, passedBefore: number) => Uint8Array | null;

/** Whose bytes. */
export type Side = "fromClient" | "fromDaemon";

/** Passes everything on, until told otherwise. */
export class Proxy {
  /** Where clients connect to. */
  readonly port: number;
  /** Port of the daemon, set once that is known. */
  target = 0;
  /** What becomes of bytes of the client, and of the daemon; counted over all connections. */
  fromClient: Meddle = (bytes) => bytes;
  fromDaemon: Meddle = (bytes) => bytes;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, Side>();
  /** Whose bytes are not read for now. */
  readonly #held = new Set<Side>();
  /** Connections that nothing passes any more. */
  readonly #stalled = new WeakSet<Socket>();
  readonly #passed = { fromClient: 0, fromDaemon: 0 };

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => this.#join(socket));
  }

  /** Begins to listen on a port of loopback. */
  static async listen(): Promise<Proxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Proxy(server, (server.address() as { port: number }).port);
  }

  /** Cuts every connection once this many bytes of one side have passed, and goes on with the next ones. */
  cutOnce(side: Side, afterBytes: number): void {
    this.onceAfter(side, afterBytes, () => null);
  }

  /**
   * Cuts every connection once so many bytes of one side have passed, then again once the next number has, and so on.
   *
   * @returns how often it has cut so far
   */
  cutAfterEach(side: Side, afterBytes: readonly number[]): () => number {
    let cuts = 0;
    const arm = () => {
      if (cuts === afterBytes.length) return;
      this.onceAfter(side, afterBytes[cuts], () => {
        cuts++;
        // Not before this one's bytes are counted.
        queueMicrotask(arm);
        return null;
      });
    };
    arm();
    return () => cuts;
  }

  /** Changes one byte of one side, once. */
  corruptOnce(side: Side, atByte: number): void {
    this.onceAfter(side, atByte, (bytes, before) => {
      const changed = bytes.slice();
      changed[Math.max(0, atByte - before)] ^= 0x5a;
      return changed;
    });
  }

  /** Does something once so many bytes of one side have passed from now on. */
  onceAfter(
    side: Side,
    afterBytes: number,
    act: (bytes: Uint8Array, passedBefore: number) => Uint8Array | null | void,
  ): void {
    this.#passed[side] = 0;
    let isDone = false;
    this[side] = (bytes, before) => {
      if (isDone || before + bytes.length <= afterBytes) return bytes;
      isDone = true;
      const result = act(bytes, before);
      return result === undefined ? bytes : result;
    };
  }

  /** Cuts whatever is connected now. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.resetAndDestroy();
  }

  /** Closes whatever is connected now in good order, in the middle of what it says. */
  hangUp(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** Passes nothing on any more, behind the bytes at hand, of what is connected now, not even its end; new connections work. */
  stall(): void {
    for (const socket of this.#sockets.keys()) this.#stalled.add(socket);
  }

  /** Reads nothing of one side until it is released: what that says fills the systems' buffers. */
  hold(side: Side): void {
    this.#held.add(side);
    for (const [socket, of] of this.#sockets) if (of === side) socket.pause();
  }

  /** Goes on reading what one side says. */
  release(side: Side): void {
    this.#held.delete(side);
    for (const [socket, of] of this.#sockets) {
      if (of === side && !this.#stalled.has(socket)) socket.resume();
    }
  }

  /** Stops listening and cuts everything. */
  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const daemon = connect(this.target, "127.0.0.1");
    for (
      const [from, to, side] of [
        [client, daemon, "fromClient"],
        [daemon, client, "fromDaemon"],
      ] as const
    ) {
      this.#sockets.set(from, side);
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        if (!this.#stalled.has(from)) to.destroy();
      });
      from.on("data", (bytes: Uint8Array) => {
        if (this.#stalled.has(from)) return void from.pause();
        const passed = this[side](bytes, this.#passed[side]);
        this.#passed[side] += bytes.length;
        if (passed === null) return this.cut();
        if (!to.write(passed)) {
          from.pause();
          to.once("drain", () => {
            if (!this.#held.has(side)) from.resume();
          });
        }
      });
      if (this.#held.has(side)) from.pause();
    }
  }
}
