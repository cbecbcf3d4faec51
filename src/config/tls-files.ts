import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { ConfigError } from "./config.ts";
import { parseCertificates } from "./pem-certificates.ts";

/** Where the TLS files of the port lie. */
export interface TlsPaths {
  certFile: string;
  keyFile: string;
  /** Undefined when callers need no certificate. */
  clientCaFile: string | undefined;
}

/** The content of the TLS files, in PEM: each is whole, and the key belongs to the certificate. */
export interface TlsFiles {
  cert: string;
  key: string;
  clientCa: string | undefined;
  /** When the first certificate of the chain ends. */
  expiresAt: Date;
}

/** Largest PEM file, in bytes. A bundle of all public authorities has some 250 KB. */
const FILE_MAX_BYTES = 2 ** 20;

/** Reads the TLS files. Throws ConfigError with a sentence for each that is missing, damaged or does not fit. */
export async function readTlsFiles({ certFile, keyFile, clientCaFile }: TlsPaths): Promise<TlsFiles> {
  const problems: string[] = [];
  /** The file's text and what it holds; a problem is noted, and says what would be right. */
  const read = async <T>(name: string, file: string, parse: (pem: string) => T) => {
    try {
      const pem = await readPem(file);
      return { pem, parsed: parse(pem) };
    } catch (error) {
      problems.push(`${name} is ${file}, which ${(error as Error).message}; name a PEM file that this user may read`);
      return undefined;
    }
  };
  const cert = await read("SLUICE_TLS_CERT", certFile, parseCertificates);
  const key = await read("SLUICE_TLS_KEY", keyFile, parseKey);
  const ca =
    clientCaFile === undefined ? undefined : await read("SLUICE_TLS_CLIENT_CA", clientCaFile, parseCertificates);
  const [leaf] = cert?.parsed ?? [];
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key.parsed)) {
    problems.push(
      `SLUICE_TLS_KEY is ${keyFile}, which is not the key of the certificate ${certFile}; name the key that it was made with`,
    );
  }
  if (cert === undefined || key === undefined || problems.length > 0) throw new ConfigError(problems);
  return { cert: cert.pem, key: key.pem, clientCa: ca?.pem, expiresAt: findFirstEnd(cert.parsed) };
}

/** A file that is no plain one, such as a pipe, might never end. */
async function readPem(file: string): Promise<string> {
  try {
    const about = await stat(file);
    if (!about.isFile()) throw new Error("is no plain file");
    if (about.size > FILE_MAX_BYTES) throw new Error(`has ${about.size} bytes, more than ${FILE_MAX_BYTES}`);
    return await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === undefined ? message : `cannot be read (${code})`);
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error("holds no private key in PEM, a damaged one, or one that needs a passphrase");
  }
}

function findFirstEnd(chain: readonly X509Certificate[]): Date {
  return new Date(Math.min(...chain.map(({ validTo }) => new Date(validTo).getTime())));
}
