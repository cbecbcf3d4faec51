import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A key and its self-signed certificate for `localhost` and 127.0.0.1, PEM, valid for a day. */
export interface TlsCertificate {
  cert: string;
  key: string;
}

/**
 * Makes a P-256 certificate with the `openssl` program, because Node cannot make one. Undefined, after saying so, when
 * there is no `openssl`: the test then skips itself.
 */
export async function createTlsCertificate(): Promise<TlsCertificate | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-tls-"));
  const [certPath, keyPath] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost " +
    `-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${keyPath} -out ${certPath}`;
  try {
    await promisify(execFile)("openssl", options.split(" "));
    return { cert: await readFile(certPath, "utf8"), key: await readFile(keyPath, "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log("skipped: the program openssl is not installed; it makes the certificate of this test");
    return undefined;
  } finally {
    await rm(directory, { recursive: true });
  }
}
