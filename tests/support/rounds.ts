/**
 * A link that carries bytes in rounds: what one side says reaches the other only when both are quiet, so that the
 * round trips of a conversation can be counted, however slow the machine is.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** Both sides have nothing more to say after so long. */
const QUIET_MS = 80;

/** Frames of HTTP/2 that only keep the connection going are this short. */
const HOUSEKEEPING_BYTES = 22;

/** What waits to be carried. */
interface Waiting {
  readonly side: "client" | "daemon";
  /** Empty where it is no more than a goodbye. */
  readonly words: string;
  carry(): void;
}

/** A link over any number of ports. */
export class Rounds {
  /** How often something of the client's was carried so far: each time it had waited for what it had heard before. */
  trips = 0;
  /** What was carried, a line each way, for a failed test. */
  readonly log: string[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #waiting: Waiting[] = [];
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next: Waiting["side"] = "client";

  /** Opens a port of loopback that leads to `target()`. */
  async listen(name: string, target: () => number): Promise<number> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      this.#join(name, socket, target());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#servers.push(server);
    return (server.address() as { port: number }).port;
  }

  /** Closes the ports and what is connected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
  }

  #join(name: string, client: Socket, port: number): void {
    this.#sockets.add(client);
    const daemon = connect(port, "127.0.0.1");
    this.#sockets.add(daemon);
    client.setNoDelay(true);
    daemon.setNoDelay(true);
    // A connection takes a trip of its own before anything can be said on it.
    this.#wait({ side: "client", words: `${name} connects`, carry: () => {} });
    this.#wait({ side: "daemon", words: "", carry: () => client.resume() });
    for (
      const [from, to, side] of [[client, daemon, "client"], [daemon, client, "daemon"]] as const
    ) {
      from.on("error", () => {});
      from.on("data", (bytes: Uint8Array) => {
        // A word about settings and windows waits for nothing, and nobody waits for it.
        const isSaid = bytes.length > HOUSEKEEPING_BYTES;
        const words = isSaid ? `${name}: ${bytes.length} from the ${side}` : "";
        this.#wait({ side, words, carry: () => void to.write(bytes) });
      });
      from.on("end", () => this.#wait({ side, words: "", carry: () => void to.end() }));
      from.on("close", () => {
        this.#sockets.delete(from);
        this.#wait({ side, words: "", carry: () => void to.destroy() });
      });
    }
    // A listener of data sets it going.
    client.pause();
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#settle();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#carry(), QUIET_MS);
  }

  #carry(): void {
    const side = this.#next;
    this.#next = side === "client" ? "daemon" : "client";
    if (this.#waiting.length === 0) return;
    const now = this.#waiting.filter((waiting) => waiting.side === side);
    const rest = this.#waiting.filter((waiting) => waiting.side !== side);
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    const words = now.map(({ words }) => words).filter((words) => words !== "");
    if (side === "client" && words.length > 0) this.trips++;
    if (words.length > 0) this.log.push(words.join(", "));
    for (const { carry } of now) carry();
    this.#settle();
  }
}
