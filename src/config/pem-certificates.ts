import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM text, at least one. Throws an Error with half a sentence when there is none, or when one is cut off
 * or damaged: OpenSSL itself takes the certificates before the damage, and says nothing of the rest.
 */
export function parseCertificates(pem: string): X509Certificate[] {
  const [begun, ended] = [count(pem, "-----BEGIN "), count(pem, "-----END ")];
  if (begun !== ended) throw new Error(`is cut off: it begins ${begun} blocks of PEM and ends ${ended}`);
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length !== count(pem, "-----BEGIN CERTIFICATE-----")) {
    throw new Error("holds no certificate in PEM, or a damaged one");
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`holds a certificate, number ${index + 1}, that cannot be parsed`);
    }
  });
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
