import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { ConfigError } from "./config.ts";
import { parseCertificates } from "./pem-certificates.ts";
import { readTlsFiles } from "./tls-files.ts";

describe("readTlsFiles", () => {
  let directory: string;
  let authority: TlsCertificate;
  let leaf: TlsCertificate;
  before(async function () {
    directory = await mkdtemp(join(tmpdir(), "sluice-tls-files-"));
    const made = await createTlsCertificate({ days: 3 });
    const signed = made && (await createTlsCertificate({ issuer: made, days: 2 }));
    if (made === undefined || signed === undefined) return this.skip();
    [authority, leaf] = [made, signed];
  });
  after(() => rm(directory, { recursive: true }));

  const read = async ({ cert, key, ca }: { cert: string; key: string; ca?: string }) => {
    const paths = { certFile: join(directory, "cert"), keyFile: join(directory, "key") };
    await writeFile(paths.certFile, cert);
    await writeFile(paths.keyFile, key);
    const clientCaFile = ca === undefined ? undefined : join(directory, "ca");
    if (clientCaFile !== undefined) await writeFile(clientCaFile, ca as string);
    return await readTlsFiles({ ...paths, clientCaFile });
  };
  const problemsOf = async (files: Parameters<typeof read>[0]) => {
    const error = await read(files).catch((caught) => caught);
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).problems;
  };

  it("reads a chain, its key and the callers' authorities, and when the first of the chain ends", async () => {
    const chain = leaf.cert + authority.cert;
    const files = await read({ cert: chain, key: leaf.key, ca: authority.cert });
    expect(files).to.include({ cert: chain, key: leaf.key, clientCa: authority.cert });
    const ends = parseCertificates(chain).map(({ validTo }) => new Date(validTo));
    expect(ends).to.have.lengthOf(2);
    expect(files.expiresAt).to.deep.equal(ends[0]).and.not.to.deep.equal(ends[1]);
  });

  it("refuses a chain that is cut off anywhere inside one of its certificates", () => {
    const chain = leaf.cert.trimEnd() + authority.cert.trimEnd();
    const whole = [leaf.cert.trimEnd().length, chain.length];
    for (let length = 0; length <= chain.length; length++) {
      const isWhole = whole.includes(length);
      const parse = () => parseCertificates(chain.slice(0, length));
      // What follows a whole certificate is not yet the beginning of another one for ten characters.
      const isBetween = length > whole[0]! && length < whole[0]! + "-----BEGIN ".length;
      if (isWhole || isBetween) expect(parse, String(length)).not.to.throw();
      else expect(parse, String(length)).to.throw(/is cut off|holds no certificate|cannot be parsed/);
    }
  });

  it("names each file that cannot be used, and says what would be right", async () => {
    expect(await problemsOf({ cert: "", key: "none", ca: leaf.cert.slice(0, 300) })).to.deep.equal([
      `SLUICE_TLS_CERT is ${join(directory, "cert")}, which holds no certificate in PEM, or a damaged one; name a PEM file that this user may read`,
      `SLUICE_TLS_KEY is ${join(directory, "key")}, which holds no private key in PEM, a damaged one, or one that needs a passphrase; name a PEM file that this user may read`,
      `SLUICE_TLS_CLIENT_CA is ${join(directory, "ca")}, which is cut off: it begins 1 blocks of PEM and ends 0; name a PEM file that this user may read`,
    ]);
    const [other] = await problemsOf({ cert: leaf.cert, key: authority.key });
    expect(other).to.contain("which is not the key of the certificate");
    const damaged = leaf.cert.replace(/\n.{64}\n/, "\n");
    expect((await problemsOf({ cert: damaged, key: leaf.key }))[0]).to.contain("number 1, that cannot be parsed");
  });

  it("reads no directory, and no file that is too large", async () => {
    const paths = { certFile: directory, keyFile: join(directory, "large"), clientCaFile: undefined };
    await writeFile(paths.keyFile, Buffer.alloc(2 ** 20 + 1));
    const { problems } = await readTlsFiles(paths).catch((error) => error);
    expect(problems[0]).to.contain("is no plain file");
    expect(problems[1]).to.contain("has 1048577 bytes, more than 1048576");
  });
});
