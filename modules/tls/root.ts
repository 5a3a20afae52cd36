import { webcrypto } from "node:crypto";

/** The label of the authority's secret that holds its public certificate: base64 of the DER form. */
export const ROOT_LABEL = "terrace.ca.certificate";

const YEARS = 10;

/** A new certificate authority: `pem` is certificate and private key, `certificate` the public part, base64 of DER. */
export interface Root {
  pem: string;
  certificate: string;
}

/** Makes the root of the platform's own certificate authority: ECDSA P-256, valid for ten years from an hour before `now`, path length 1. */
export async function createRoot(platform: string, now: Date): Promise<Root> {
  // Loaded here: it is needed once in a platform's life.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const from = new Date(now.getTime() - 3600_000);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Terrace ${platform} Root CA`,
    notBefore: from,
    notAfter: new Date(from.getTime() + YEARS * 365.25 * 24 * 3600_000),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    pem: `${certificate.toString("pem")}\n${pem("PRIVATE KEY", key)}\n`,
    certificate: Buffer.from(certificate.rawData).toString("base64"),
  };
}

/** The PEM form of a certificate that is given as base64 of DER. */
export function certificatePem(certificate: string): string {
  return `${pem("CERTIFICATE", certificate)}\n`;
}

function pem(title: string, base64: string): string {
  return `-----BEGIN ${title}-----\n${(base64.match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${title}-----`;
}
