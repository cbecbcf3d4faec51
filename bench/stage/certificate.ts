import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Paths of a throwaway key and its self-signed certificate for `localhost` and 127.0.0.1, both in PEM. */
export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * Makes a P-256 certificate, valid for a day, in `directory` with the `openssl` program: Node has no certificate builder
 * of its own. Resolves with undefined when there is no `openssl`.
 */
export async function createCertificate(directory: string): Promise<Certificate | undefined> {
  const certPath = join(directory, "cert.pem");
  const keyPath = join(directory, "key.pem");
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 1 -subj /CN=localhost " +
    `-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${keyPath} -out ${certPath}`;
  try {
    await promisify(execFile)("openssl", options.split(" "));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return { certPath, keyPath };
}
