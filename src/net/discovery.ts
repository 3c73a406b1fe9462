/**
 * Daemons that announce themselves on the local network: DNS service discovery over multicast (RFC 6762, RFC
 * 6763), service `_blit._tcp`.
 *
 * An announcement is a hint and no more: whoever is on the network can make one. Who a daemon is, its
 * certificate says.
 *
 * @module
 */
import { Bonjour, type Service } from "bonjour-service";
import { BlitError } from "../core/error.ts";
import { MulticastSocket } from "./multicast.ts";
import { NameClaim } from "./name_claim.ts";

const TYPE = "blit";
/** Longer texts of an announcement are cut: nobody needs them, and they come from anybody. */
const MOST_TEXT = 255;
/** Longest name of a service, bytes. */
const MOST_NAME = 63;
/** More daemons than this on one network are not listed. */
const MOST_FOUND = 1000;

/** What a daemon says of itself. */
export interface Announcement {
  /** Name for people, usually the host's. */
  readonly name: string;
  /** Port of the control plane. */
  readonly port: number;
  /** `SHA256:...` of its certificate; left out where it has none. */
  readonly fingerprint?: string;
}

/** A daemon that announced itself. */
export interface FoundDaemon extends Announcement {
  /** Name of the host, such as `nas.local`; from the network, so not to be trusted. */
  readonly host: string;
  /** Addresses, IPv4 first. */
  readonly addresses: readonly string[];
}

/**
 * Announces a daemon until the result is called, on the networks that there are then. Where another daemon has its name,
 * it gets a number: `nas (2)`.
 *
 * @param onError told once where the network doesn't take part; the daemon works all the same
 * @returns withdraws the announcement
 */
export async function announce(
  { name, port, fingerprint }: Announcement,
  onError: (error: BlitError) => void,
): Promise<() => Promise<void>> {
  let failed = false;
  const fail = (cause: unknown) => {
    if (failed) return;
    failed = true;
    onError(cannot("announce the daemon", cause));
  };
  let socket: MulticastSocket;
  try {
    socket = await MulticastSocket.open();
  } catch (cause) {
    fail(cause);
    return () => Promise.resolve();
  }
  const mdns = bonjourOver(socket, fail);
  // Nobody else has that: two daemons of one name may be alike in all else.
  const txt: Record<string, string> = { protocol: "1", id: crypto.randomUUID() };
  if (fingerprint !== undefined) txt.fingerprint = fingerprint;
  // Names of multicast DNS end in .local (RFC 6762, section 3): no other would be looked up there.
  const host = `${name.split(".")[0]}.local`;
  const claim = new NameClaim(socket, {
    name: (nth) => `${nameOf(name, nth)}._${TYPE}._tcp.local`,
    port,
    host,
    text: Object.entries(txt).map(([key, value]) => `${key}=${value}`),
  });
  const ending = new AbortController();
  const publish = async () => {
    const nth = await claim.win(ending.signal);
    if (nth === null || ending.signal.aborted) return;
    const config = { name: nameOf(name, nth), type: TYPE, host, port, txt, probe: false };
    const service = mdns.publish(config);
    const again = () => {
      claim.onConflict = socket.onChange = () => {};
      service.stop(publish);
    };
    claim.onConflict = again;
    // It is announced with its addresses, which are others now; and there may be others of its name.
    socket.onChange = again;
  };
  void publish();
  return () =>
    new Promise((resolve) => {
      ending.abort();
      claim.onConflict = socket.onChange = () => {};
      mdns.unpublishAll(() => {
        mdns.destroy();
        resolve();
      });
    });
}

/**
 * Asks the local network for daemons.
 *
 * @param waitMs how long answers are waited for
 * @param signal ends the wait early
 * @returns what answered, by name
 * @throws {BlitError} `io` where multicast can't be used
 */
export async function discover(waitMs: number, signal: AbortSignal): Promise<FoundDaemon[]> {
  const found = new Map<string, FoundDaemon>();
  const over = Promise.withResolvers<void>();
  const fail = (cause: unknown) => over.reject(cannot("ask the network", cause));
  const socket = await MulticastSocket.open().catch((cause) => {
    throw cannot("ask the network", cause);
  });
  const mdns = bonjourOver(socket, fail);
  const browser = mdns.find({ type: TYPE }, (service) => {
    if (found.size < MOST_FOUND) found.set(service.fqdn, describe(service));
  });
  const timer = setTimeout(over.resolve, waitMs);
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  try {
    await over.promise;
  } finally {
    clearTimeout(timer);
    browser.stop();
    await new Promise<void>((resolve) => mdns.destroy(() => resolve()));
  }
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** A daemon's n-th name: with a number where others have those before; a dot would separate it from what follows. */
function nameOf(name: string, nth: number): string {
  const suffix = nth === 1 ? "" : ` (${nth})`;
  return `${name.replaceAll(".", "-").slice(0, MOST_NAME - suffix.length)}${suffix}`;
}

function bonjourOver(socket: MulticastSocket, onError: (cause: unknown) => void): Bonjour {
  // Its types don't say that all of this is multicast-dns' to take.
  const options: object = { socket, bind: false };
  return new Bonjour(options, onError);
}

function describe(service: Service): FoundDaemon {
  const { fingerprint } = service.txt as { fingerprint?: unknown };
  const isIPv4 = (address: string) => !address.includes(":");
  const addresses = (service.addresses ?? []).filter((address) => address.length <= 64);
  return {
    name: text(service.name),
    host: text(service.host),
    port: service.port,
    addresses: [...addresses.filter(isIPv4), ...addresses.filter((one) => !isIPv4(one))],
    ...(typeof fingerprint === "string" ? { fingerprint: text(fingerprint) } : {}),
  };
}

function text(value: unknown): string {
  return String(value).slice(0, MOST_TEXT);
}

function cannot(what: string, cause: unknown): BlitError {
  const { code } = cause as { code?: unknown };
  const why = code === "EADDRINUSE"
    ? "another program has port 5353 for itself. End it"
    : `${cause instanceof Error ? cause.message : cause}. Check that the network allows it`;
  return new BlitError("io", `Cannot ${what} by multicast: ${why}, or name the host.`, {
    operation: what,
    cause,
  });
}
