import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ConfigError } from "../config/config.ts";
import { createTlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { serve } from "./serve.ts";

describe("serve, which this host does not give what it needs", () => {
  /** The problems that it names, before it starts anything. */
  const problemsOf = async (settings: Record<string, string>) => {
    const environment = {
      ...{ SLUICE_DATABASE_URL: "postgres://127.0.0.1:9/none", SLUICE_S3_BUCKET: "bucket" },
      ...{ SLUICE_S3_REGION: "eu-central-1", SLUICE_AUTH: "dev", SLUICE_DEV_TOKEN: "service-token" },
      ...{ SLUICE_LISTEN: "127.0.0.1:0", SLUICE_WORKERS: "1", ...settings },
    };
    const error = await serve(environment).catch((refusal: unknown) => refusal);
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).problems;
  };
  const expectProblem = async (settings: Record<string, string>, sentence: RegExp, problems = 1) => {
    const found = await problemsOf(settings);
    expect(found).to.have.length(problems);
    expect(found[0]).to.match(sentence);
  };

  it("says all that is wrong with its configuration", async () => {
    const missing = ["DATABASE_URL", "S3_BUCKET", "S3_REGION", "DEV_TOKEN"].map((name) => `SLUICE_${name}`);
    const found = (await problemsOf(Object.fromEntries(missing.map((name) => [name, ""])))).join("\n");
    for (const name of missing) expect(found).to.include(name);
  });

  it("says that its ports are taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const host = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expectProblem({ SLUICE_LISTEN: host }, /SLUICE_LISTEN is 127.*, which another program listens on/);
    await expectProblem({ SLUICE_METRICS_LISTEN: host }, /SLUICE_METRICS_LISTEN is 127.*, which another program/);
    other.close();
  });

  it("says that its address is none of this host", async () => {
    const elsewhere = { SLUICE_LISTEN: "192.0.2.1:0", SLUICE_PLAINTEXT: "behind-proxy" };
    await expectProblem(elsewhere, /192\.0\.2\.1:0, which is no address of this host/);
  });

  it("says that its TLS files are not there, are no PEM, or do not belong together", async function () {
    const nowhere = { SLUICE_TLS_CERT: "/nowhere.pem", SLUICE_TLS_KEY: "/nowhere.pem" };
    await expectProblem(nowhere, /SLUICE_TLS_CERT is \/nowhere\.pem, which cannot be read \(ENOENT\)/, 2);
    const [one, two] = [await createTlsCertificate(), await createTlsCertificate()];
    if (one === undefined || two === undefined) return this.skip();
    const directory = await mkdtemp(join(tmpdir(), "sluice-serve-"));
    const files = { SLUICE_TLS_CERT: join(directory, "cert.pem"), SLUICE_TLS_KEY: join(directory, "key.pem") };
    await writeFile(files.SLUICE_TLS_CERT, one.cert);
    await writeFile(files.SLUICE_TLS_KEY, "no key");
    await expectProblem(files, /SLUICE_TLS_KEY is .*key\.pem, which holds no private key in PEM/);
    await writeFile(files.SLUICE_TLS_KEY, two.key);
    await expectProblem(files, /key\.pem, which is not the key of the certificate .*cert\.pem/);
    await rm(directory, { recursive: true });
  });
});
