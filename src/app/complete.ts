/**
 * What a word that begins like a place of a daemon can go on to: its modules, or the entries of a folder.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { isUtf8Name, nameToText, textToName } from "../core/rel_path.ts";
import { Daemon } from "./daemons.ts";
import { parseEndpoint, type RemoteEndpoint } from "./endpoint.ts";
import { lookingSettings } from "./manage.ts";
import { RemoteHosts } from "./remote_hosts.ts";

/** More than this nobody reads. */
const MOST = 1000;

/**
 * Asks the daemon that a word names.
 *
 * @param word as typed so far: `nas:/ba`, `nas:/backup/ph`, `nas://`
 * @param configDir folder of known hosts and tokens; nobody is asked about others
 * @param onFound told each word that it can become; those of folders end in a slash
 * @throws {BlitError} as reaching the daemon does
 */
export async function completePlace(
  word: string,
  configDir: string,
  onFound: (word: string) => void,
): Promise<void> {
  const at = word.lastIndexOf("/");
  const endpoint = at < 0 ? null : parseEndpoint(word.slice(0, at + 1));
  if (endpoint?.kind !== "remote") return;
  const offer = offerOf(word.slice(0, at + 1), word.slice(at + 1), onFound);
  const settings = { configDir, onWarning: () => {} };
  const hosts = new RemoteHosts(lookingSettings(settings, "list"));
  try {
    if (endpoint.module === null) await offerModules(hosts, endpoint, offer);
    else await offerEntries(hosts, { ...endpoint, module: endpoint.module }, offer);
  } finally {
    await hosts.close();
  }
}

/** Takes a name, and whether it is a folder's; false where no more are wanted. */
type Offer = (name: string, isFolder: boolean) => boolean;

function offerOf(before: string, begun: string, onFound: (word: string) => void): Offer {
  let left = MOST;
  return (name, isFolder) => {
    const hides = name.startsWith(".") && !begun.startsWith(".");
    // A name that can't be typed can't be offered.
    // deno-lint-ignore no-control-regex
    if (!name.startsWith(begun) || hides || /[\x00-\x1f\x7f]/.test(name)) return true;
    onFound(`${before}${name}${isFolder ? "/" : ""}`);
    return --left > 0;
  };
}

async function offerModules(
  hosts: RemoteHosts,
  host: RemoteEndpoint,
  offer: Offer,
): Promise<void> {
  const connection = await hosts.connect(host);
  try {
    for (const { name } of await new Daemon(connection, hosts.idleMs).modules()) {
      if (!offer(name, true)) return;
    }
  } finally {
    connection.close();
  }
}

async function offerEntries(
  hosts: RemoteHosts,
  { host, port, module, path }: RemoteEndpoint & { readonly module: string },
  offer: Offer,
): Promise<void> {
  const location = { kind: "remote" as const, host, port, module, path: textToName(path) };
  const tree = await hosts.open(location, false, null);
  for await (const block of tree.list("", { sorted: false })) {
    for (let i = 0; i < block.count; i++) {
      const name = block.name(i);
      if (!isUtf8Name(name)) continue;
      if (!offer(nameToText(name), block.kind(i) === Kind.directory)) return;
    }
  }
}
