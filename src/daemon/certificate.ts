/**
 * The daemon's certificate: the user's, or one that it makes at its first start.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, X509Certificate as NodeCertificate } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import { BlitError } from "../core/error.ts";
import { formatFingerprint } from "../core/fingerprint.ts";
import { readText, writeSecret } from "./files.ts";

/** Names of the files in the state folder. */
const CERTIFICATE_FILE = "certificate.pem", KEY_FILE = "key.pem";
/** Clients pin the certificate, so its end would only lock them out: twenty years. */
const LIFE_MS = 20 * 365 * 24 * 3600 * 1000;
/** A client whose clock is behind must still take it. */
const BACKDATED_MS = 24 * 3600 * 1000;

/** A certificate and its key. */
export interface ServerCertificate {
  /** The certificate, and those that lead to its authority, PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** The certificate alone, and the key as PKCS #8. */
  readonly certDer: Uint8Array;
  readonly keyDer: Uint8Array;
  /** SHA-256 of {@link ServerCertificate.certDer}. */
  readonly sha256: Uint8Array;
  /** As people type it. */
  readonly fingerprint: string;
  /** It was made just now. */
  readonly fresh: boolean;
}

/**
 * Reads the user's certificate.
 *
 * @throws {BlitError} `not_found`, `permission`; `usage` where the files are no certificate and its key
 */
export function readCertificate(files: { cert: string; key: string }): ServerCertificate {
  const [cert, key] = [files.cert, files.key].map((path) => {
    const text = readText(path);
    if (text !== null) return text;
    throw new BlitError("not_found", `Cannot read "${path}": there is no such file. Check "tls".`);
  });
  return certificateOf(cert, key, files.cert, false);
}

/**
 * The daemon's own certificate, made where there is none yet.
 *
 * @param folder the state folder
 * @param names host names and addresses that it is for
 * @throws {BlitError} `permission` and the like where it can't be kept; `usage` where what is there is damaged;
 *   `not_found` where the certificate is there and its key isn't
 */
export async function ownCertificate(
  folder: string,
  names: readonly string[],
): Promise<ServerCertificate> {
  const certPath = join(folder, CERTIFICATE_FILE), keyPath = join(folder, KEY_FILE);
  const [cert, key] = [readText(certPath), readText(keyPath)];
  if (cert !== null && key !== null) return certificateOf(cert, key, certPath, false);
  // A key alone is what a first start leaves that was cut off: no client knows of it.
  if (cert !== null) {
    throw new BlitError(
      "not_found",
      `Cannot use "${certPath}": its key "${keyPath}" is missing. Bring it back, or delete the certificate too: ` +
        "then a new one is made, and every client has to log in again.",
    );
  }
  const made = await makeCertificate(names);
  // The key first: a certificate without its key would be taken for damaged.
  writeSecret(keyPath, made.key);
  writeSecret(certPath, made.cert);
  return certificateOf(made.cert, made.key, certPath, true);
}

async function makeCertificate(names: readonly string[]): Promise<{ cert: string; key: string }> {
  // Loaded where it is needed: once in a daemon's life. The second needs the first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const nowMs = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=blit-daemon",
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + LIFE_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        [...new Set(names)].map((value) => ({
          type: isIP(value) > 0 ? "ip" as const : "dns" as const,
          value,
        })),
      ),
    ],
  });
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const lines = der.toString("base64").match(/.{1,64}/g)!.join("\n");
  const key = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
  return { cert: `${certificate.toString("pem")}\n`, key };
}

function certificateOf(
  cert: string,
  key: string,
  path: string,
  fresh: boolean,
): ServerCertificate {
  try {
    const certDer = new Uint8Array(new NodeCertificate(cert).raw);
    const keyDer = new Uint8Array(
      createPrivateKey(key).export({ type: "pkcs8", format: "der" }) as Buffer,
    );
    const sha256 = new Uint8Array(createHash("sha256").update(certDer).digest());
    const fingerprint = formatFingerprint(sha256);
    return { cert, key, certDer, keyDer, sha256, fingerprint, fresh };
  } catch (cause) {
    throw new BlitError(
      "usage",
      `Cannot use the certificate in "${path}": it, or its key, is no PEM file. Replace both.`,
      { operation: "use certificate", path, cause },
    );
  }
}
