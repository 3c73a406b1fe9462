/**
 * Proof that a daemon which comes with a read grant is the one that the grant was made for: it signs with the key of its
 * certificate.
 *
 * What is signed names the grant, which is good once, and the certificate of the daemon that gave it, so that nobody in
 * between can pass it on; see docs/protocol.md.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";

/** No TLS handshake signs anything that begins so. */
const LABEL = "blit read grant 1\0";

/** A daemon's certificate, and a signature with its key. */
export interface ReaderProof {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a proof is about. */
export interface ProofSubject {
  readonly grant: string;
  /** SHA-256 of the certificate that the granting daemon shows; null: the link to it is plain. */
  readonly granterSha256: Uint8Array | null;
}

/**
 * Makes a proof.
 *
 * @param key the certificate's, PEM
 */
export function makeProof(
  identity: { readonly certDer: Uint8Array; readonly key: string },
  subject: ProofSubject,
): ReaderProof {
  const key = createPrivateKey(identity.key);
  const signature = sign(digestFor(key), messageOf(subject), key);
  return { certificate: identity.certDer, signature: new Uint8Array(signature) };
}

/**
 * Whether a proof is right, and of the certificate that is expected. Whatever the proof holds, nothing is thrown.
 *
 * @param readerSha256 SHA-256 of the certificate that the grant is for
 */
export function isProven(
  proof: ReaderProof,
  readerSha256: Uint8Array,
  subject: ProofSubject,
): boolean {
  const shown = createHash("sha256").update(proof.certificate).digest();
  if (!shown.equals(Buffer.from(readerSha256))) return false;
  try {
    const key = new X509Certificate(Buffer.from(proof.certificate)).publicKey;
    return verify(digestFor(key), messageOf(subject), key, proof.signature);
  } catch {
    // No certificate, or a kind of key or signature that nobody knows.
    return false;
  }
}

function messageOf({ grant, granterSha256 }: ProofSubject): Buffer {
  return Buffer.concat([Buffer.from(`${LABEL}${grant}\0`), granterSha256 ?? Buffer.alloc(0)]);
}

/** Edwards curves have a digest of their own. */
function digestFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType?.startsWith("ed") ? null : "sha256";
}
