import type { Traits } from "../../src/engine/tree.ts";
import { conformance, FULL } from "../conformance/suite.ts";
import { remotePair } from "./remote_pair.ts";

const LOCAL: Traits = { ...FULL, owners: Deno.uid() === 0 };
const REMOTE: Traits = { ...LOCAL, umask: Deno.umask() };

conformance("local to remote", () => remotePair("local", "remote"), REMOTE);
conformance("remote to local", () => remotePair("remote", "local"), LOCAL);
conformance("memory to remote", () => remotePair("memory", "remote"), REMOTE);
conformance("remote to memory", () => remotePair("remote", "memory"), FULL);
conformance("remote to remote, in one session", () => remotePair("remote", "remote"), REMOTE);
conformance(
  "local to remote, TLS",
  () => remotePair("local", "remote", { secure: true }),
  REMOTE,
);
conformance(
  "remote to local, through the control plane",
  () => remotePair("remote", "local", { secure: true, forceControlPlane: true }),
  LOCAL,
);
