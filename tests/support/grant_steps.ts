/**
 * Steps with read grants: taken for what they are, and forged, cut, used twice or by somebody else; see `protocol_model.ts`.
 *
 * @module
 */
import fc from "fast-check";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { makeProof, type ReaderProof } from "../../src/net/proof.ts";
import { anyPath, PLANTED } from "./hostile_paths.ts";
import { altered } from "./token_changes.ts";
import {
  callOn,
  type Expected,
  expectEnd,
  type Peer,
  sessionRef,
  type Step,
  step,
} from "./protocol_model.ts";
import { dialRaw, preamble } from "./raw_stream.ts";

/** What somebody who isn't meant to read does with a grant. */
const misuse = fc.constantFrom(
  ...["used twice", "cut", "turned", "unsigned", "signed anew", "of a stream", "as a stream's"],
  ...[
    "without a proof",
    "with another's proof",
    "with another grant's proof",
    "of an ended session",
  ],
);

const grantRead = step(
  "read grant",
  fc.record({
    ref: sessionRef,
    at: anyPath,
    isBound: fc.boolean(),
    how: fc.oneof(fc.constant("as it is"), { weight: 2, arbitrary: misuse }),
    keep: fc.boolean(),
  }),
  async ({ ref, at, isBound, how, keep }, model, peer) => {
    const { session, id, user, client, wrong, whys } = callOn(model, peer, ref);
    if (user.isNobody) wrong.push("unauthenticated");
    if (session?.isLive && session.user === null) {
      wrong.push("permission");
      if (!user.isNobody) whys.push("read grant used for another");
    }
    if (at.kind !== "" && at.kind !== "through") wrong.push(at.kind);
    const [own, other] = peer.readers;
    const readerCertificateSha256 = isBound ? own.sha256 : new Uint8Array(0);
    const request = { session: id, path: nameToBytes(at.path), readerCertificateSha256 };
    const call = () => client.sessions.grantRead(request);
    const answer = await expectEnd(model, wrong, call, whys);
    if (!answer) return;
    const { grant } = answer;
    const proofOf = (reader: typeof own, about = grant) =>
      makeProof(reader, { grant: about, granterSha256: peer.certificateSha256 });
    const proof = isBound ? proofOf(own) : null;
    const isFolder = at.path === "" || PLANTED[at.path] === null || model.isMade(at.path);
    const may = isFolder ? [] : ["escaped", "not_found", "not_directory"];
    const come = (shown: string, with_: ReaderProof | null, kinds: readonly string[] = may) =>
      opened(model, peer, {
        grant: shown,
        proof: with_,
        kinds,
        whys: kinds === may ? [] : [`read grant ${how}`],
        keep: keep && kinds === may && at.path === "" && session!.isReadOnly === false,
      });
    const no = ["unauthenticated"];
    if (how === "as it is") await come(grant, proof);
    else if (how === "used twice") {
      await come(grant, proof);
      await come(grant, proof, no);
    } else if (how === "of a stream") {
      const token = model.tokens.find(({ isFresh }) => isFresh);
      if (token) await come(token.text, null, no);
    } else if (how === "as a stream's") {
      const why = [`read grant ${how}`];
      const call = () => dialRaw(peer.dataPort, preamble(grant), peer.certificateSha256);
      await expectEnd(model, no, call, why);
    } else if (how === "of an ended session") {
      session!.isLive = false;
      await session!.raw.close();
      await come(grant, proof, no);
    } else if (how.endsWith("proof")) {
      if (!isBound) return;
      await come(
        grant,
        how === "without a proof"
          ? null
          : how === "with another's proof"
          ? proofOf(other)
          : proofOf(own, `${grant}x`),
        no,
      );
      // Whoever came with the wrong one has used it up.
      await come(grant, proof, no);
    } else {
      await come(altered(grant, how), proof, no);
      await come(grant, proof);
    }
  },
);

/** Opens a session with a grant, as the model says that it must end, and tries to make something in it. */
async function opened(
  model: Expected,
  peer: Peer,
  { grant, proof, kinds, whys, keep }: {
    readonly grant: string;
    readonly proof: ReaderProof | null;
    readonly kinds: readonly string[];
    readonly whys: readonly string[];
    /** Other steps go on with it. */
    readonly keep: boolean;
  },
): Promise<void> {
  const client = peer.client(peer.users.at(-1)!);
  const call = () =>
    client.open({
      module: "",
      readGrant: grant,
      readerCertificate: proof?.certificate,
      readerProof: proof?.signature,
    });
  const raw = await expectEnd(model, kinds, call, whys);
  if (!raw) return;
  const request = { session: raw.id, path: nameToBytes("made-by-grant"), create: true };
  const make = () => client.sessions.openRoot(request);
  await expectEnd(model, ["permission", "read_only"], make, ["read grant used for more"]);
  if (!keep) return void await raw.close();
  const rights = ["read"] as const;
  model.sessions.push({ isLive: true, user: null, rights, isReadOnly: false, roots: [], raw });
}

/** Every step of these. */
export const GRANT_STEPS: readonly fc.Arbitrary<Step>[] = [grantRead];
