import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A certificate and its key, both in PEM. */
export interface TlsCertificate {
  cert: string;
  key: string;
}

/** How a certificate of a test is made. */
export interface TlsCertificateOptions {
  /** A self-signed certificate that signs this one; it signs itself when left out. */
  issuer?: TlsCertificate;
  /** How long it is valid from now on; it ended yesterday with -1, which needs an issuer. */
  days?: number;
  /** The names that it is for, as OpenSSL writes them. */
  names?: string;
}

let made = 0;

/**
 * Makes a P-256 certificate with the `openssl` program, because Node cannot make one: by default self-signed, for `localhost` and
 * 127.0.0.1, valid for a day. Undefined, after saying so, when there is no `openssl`: the test then skips itself.
 */
export async function createTlsCertificate({
  issuer,
  days = 1,
  names = "DNS:localhost,IP:127.0.0.1",
}: TlsCertificateOptions = {}): Promise<TlsCertificate | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-tls-"));
  const at = (name: string) => join(directory, name);
  const openssl = (command: string) => promisify(execFile)("openssl", command.split(" "));
  // Chains are built by name: each certificate has one of its own.
  const request =
    `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test-${process.pid}-${++made} ` +
    `-addext subjectAltName=${names} -keyout ${at("key.pem")}`;
  try {
    if (issuer === undefined) {
      await openssl(`${request} -x509 -days ${days} -out ${at("cert.pem")}`);
    } else {
      await writeFile(at("ca.pem"), issuer.cert);
      await writeFile(at("ca.key"), issuer.key);
      await openssl(`${request} -addext basicConstraints=CA:FALSE -out ${at("cert.csr")}`);
      await openssl(
        `x509 -req -in ${at("cert.csr")} -CA ${at("ca.pem")} -CAkey ${at("ca.key")} -days ${days} ` +
          `-copy_extensions copyall -out ${at("cert.pem")}`,
      );
    }
    return { cert: await readFile(at("cert.pem"), "utf8"), key: await readFile(at("key.pem"), "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log("skipped: the program openssl is not installed; it makes the certificate of this test");
    return undefined;
  } finally {
    await rm(directory, { recursive: true });
  }
}
