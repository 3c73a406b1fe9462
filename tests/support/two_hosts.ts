/**
 * Two hosts on one machine: network namespaces joined by a cable of their own, gone with the test.
 *
 * @module
 */
import { need, needsPrograms, needsRoot, sh } from "./loop_fs.ts";

/** One of the two. */
export interface Host {
  /** Name of the namespace. */
  readonly namespace: string;
  readonly address: string;
  /** Puts the words in front of a command that make it run on this host. */
  command(...words: string[]): string[];
}

let made = 0;

/**
 * Makes two hosts that reach each other and nothing else, and takes them away after `work`.
 *
 * @throws {CannotRun} where this machine can't make namespaces
 */
export async function withTwoHosts(work: (near: Host, far: Host) => Promise<void>): Promise<void> {
  need(needsRoot() ?? needsPrograms("ip"));
  const id = `${Deno.pid}-${++made}`;
  const near = host(`blit-near-${id}`, "10.99.0.1");
  const far = host(`blit-far-${id}`, "10.99.0.2");
  try {
    sh(
      `set -e
       ip netns add "$0"; ip netns add "$1"
       ip link add cable netns "$0" type veth peer name cable netns "$1"
       ip -n "$0" addr add "$2/24" dev cable; ip -n "$1" addr add "$3/24" dev cable
       for side in "$0" "$1"; do
         ip -n "$side" link set lo up
         ip -n "$side" link set cable up
         ip -n "$side" route add default dev cable
       done`,
      near.namespace,
      far.namespace,
      near.address,
      far.address,
    );
    await work(near, far);
  } finally {
    sh('ip netns del "$0"; ip netns del "$1"; true', near.namespace, far.namespace);
  }
}

function host(namespace: string, address: string): Host {
  return {
    namespace,
    address,
    command: (...words) => ["ip", "netns", "exec", namespace, ...words],
  };
}
