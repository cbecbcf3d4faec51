import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { parseConfig } from "../../config/config.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { createUploadRepositories } from "../../postgres/uploads/upload-repositories.ts";
import { createS3Client } from "../../s3/requests/client.ts";
import { Connections } from "../../s3/requests/connections.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { startPgBouncer } from "../../testing/rigs/database/pgbouncer.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { createOpen, TEST_ACTOR } from "../../testing/rigs/database/repository-subject.ts";
import { withUntoldRole } from "../../testing/rigs/database/untold-role.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { createTlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { migrate } from "../operating/server-commands.ts";
import { runCli } from "../program.ts";
import { runDoctor } from "./doctor.ts";

describe("sluice doctor", () => {
  let service: RunningService;
  let empty: TestDatabase;
  let other: TestDatabase;
  let directory: string;
  let healthy: Record<string, string>;

  before(async () => {
    service = await startService();
    empty = await createEmptyDatabase();
    other = await createTestDatabase();
    directory = await mkdtemp(join(tmpdir(), "sluice-doctor-"));
    healthy = {
      SLUICE_LISTEN: "127.0.0.1:0",
      SLUICE_DATABASE_URL: service.databaseUrl,
      SLUICE_S3_BUCKET: service.endpoint.bucket,
      SLUICE_S3_REGION: service.endpoint.region,
      SLUICE_S3_ENDPOINT: service.endpoint.url,
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: SERVICE_TOKEN,
      SLUICE_WORKERS: "1",
      SLUICE_MEMORY_BUDGET_BYTES: String(256 * 2 ** 20),
    };
  });

  after(async () => {
    await service?.stop();
    await empty?.drop();
    await other?.drop();
    await rm(directory, { recursive: true, force: true });
  });

  function fakeTerminal(env: Record<string, string>) {
    const signal = new AbortController().signal;
    return { stdout: captureText(), stderr: captureText(), stdin: new PassThrough(), env, signal };
  }

  async function examine(changes: Record<string, string>) {
    const terminal = fakeTerminal({ ...healthy, ...changes });
    const isWell = await runDoctor(terminal, { json: false });
    return { isWell, text: terminal.stdout.text() };
  }

  const problemsOf = (text: string) => text.split("\n").filter((line) => line.startsWith("PROBLEM"));

  it("finds nothing wrong where nothing is", async () => {
    const { isWell, text } = await examine({ SLUICE_DATABASE_READ_URL: service.databaseUrl });
    expect(isWell, text).to.equal(true);
    for (const check of ["configuration", "port", "memory", "database", "namespace", "uploads", "read replica"]) {
      expect(text).to.contain(`OK       ${check}: `);
    }
    for (const check of [
      ...["storage", "objects", "multipart uploads", "presigned parts", "copies", "deletions", "clock"],
    ]) {
      expect(text).to.contain(`OK       ${check}: `);
    }
  });

  it("tells a namespace that is new from one that is bound, and leaves neither rows nor objects behind", async () => {
    const fresh = { SLUICE_DATABASE_URL: other.url, SLUICE_NAMESPACE: "fresh" };
    for (let time = 1; time <= 2; time++) {
      expect((await examine(fresh)).text).to.contain('OK       namespace: "fresh" is new: the first start binds it');
    }
    expect((await examine({})).text).to.contain('OK       namespace: "default" is bound to bucket');
    const client = createS3Client(parseConfig(healthy).s3, new Connections(parseConfig(healthy).s3.limits));
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: service.endpoint.bucket, Prefix: "doctor/" }),
    );
    expect(Contents).to.deep.equal([]);
    client.destroy();
  });

  it("warns of what the database lacks, and how it gets that", async () => {
    await withUntoldRole(other, "quiet_doctor", async (url, role) => {
      const { isWell, text } = await examine({ SLUICE_DATABASE_URL: url });
      expect(isWell, text).to.equal(true);
      expect(text).to.contain("WARNING  database: the database does not tell which cluster it is").and.to.contain(role);
    });
  });

  it("says how a pooler is named that the URL does not name", async function () {
    const bouncer = await startPgBouncer(other.adminUrl);
    if (typeof bouncer === "string") {
      console.log(`      skipped: ${bouncer}`);
      return this.skip();
    }
    try {
      const { isWell, text } = await examine({ SLUICE_DATABASE_URL: bouncer.url.replace("?pooler=transaction", "") });
      expect(isWell).to.equal(false);
      expect(problemsOf(text).join()).to.contain("write pooler=transaction into its URL");
    } finally {
      await bouncer.stop();
    }
  });

  it("names the uploads whose commit has failed", async () => {
    const pool = await createDatabasePool("test", { url: service.databaseUrl });
    const uploads = createUploadRepositories(pool);
    const upload = await createOpen({ uploads }, { path: "lost/report.pdf" });
    await uploads.commits.beginCompletion(upload.uploadId, { crc32: 1 });
    await uploads.commits.noteFailure(upload.uploadId, {
      reason: "CHECKSUM_MISMATCH",
      message: "storage has other bytes",
    });
    const { isWell, text } = await examine({});
    expect(isWell).to.equal(false);
    const told = `${upload.uploadId} of "lost/report.pdf": storage has other bytes`;
    expect(text).to.contain(`PROBLEM  uploads: these cannot be committed: ${told}`).and.to.contain("AbortUpload");
    await uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
    await pool.end();
    expect((await examine({})).text).to.contain("OK       uploads: none has a commit that failed");
  });

  it("says what a namespace is bound to, and no secrets", async () => {
    const { isWell, text } = await examine({ SLUICE_S3_KEY_PREFIX: "elsewhere/" });
    expect(isWell).to.equal(false);
    expect(text).to.contain('PROBLEM  namespace: namespace default was set up with keyPrefix "", not "elsewhere/"');
    const { password } = new URL(service.databaseUrl);
    for (const secret of [password, SERVICE_TOKEN, service.endpoint.secretAccessKey]) {
      if (secret !== "") expect(text).not.to.contain(secret);
    }
  });

  it("prints an object a check with --json", async () => {
    const terminal = fakeTerminal(healthy);
    await runDoctor(terminal, { json: true });
    const lines = terminal.stdout.text().trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))[0]).to.include({ check: "configuration", isOk: true });
  });

  it("says every problem of the environment at once", async () => {
    const { isWell, text } = await examine({ SLUICE_AUTH: "none", SLUICE_S3_BUCKET: "X" });
    expect(isWell).to.equal(false);
    expect(problemsOf(text)).to.have.length(2);
    const named = await examine({ SLUICE_CORS_ORIGINS: "https://a.example/", SLUICE_TLS_CERTS: "a.pem" });
    expect(problemsOf(named.text)).to.deep.equal([
      'PROBLEM  configuration: SLUICE_CORS_ORIGINS names "https://a.example/", which is no origin: write "https://a.example", or "*" for all',
      "PROBLEM  configuration: SLUICE_TLS_CERTS is no variable of Sluice and changes nothing; did you mean SLUICE_TLS_CERT?",
    ]);
  });

  it("names a variable that nothing reads beside all that is well", async () => {
    const { isWell, text } = await examine({ SLUICE_WORKER: "1" });
    expect(isWell).to.equal(false);
    expect(problemsOf(text)).to.have.length(1);
    expect(text).to.contain("OK       storage").and.contain("did you mean SLUICE_WORKERS?");
  });

  const withUrl = (change: (url: URL) => void) => () => {
    const url = new URL(other.adminUrl);
    change(url);
    return { SLUICE_DATABASE_URL: url.href };
  };

  const cases: [string, () => Record<string, string>, RegExp][] = [
    ["an unreachable database", withUrl((url) => (url.port = "1")), /cannot be reached \(ECONNREFUSED\)/],
    ["a wrong password", withUrl((url) => (url.password = "wrong")), /refuses the user "\w+" or the password/],
    ["a missing database", withUrl((url) => (url.pathname = "/none")), /has no database "none"/],
    ["a schema that is not up to date", () => ({ SLUICE_DATABASE_URL: empty.url }), /the schema lacks V1__.*\.sql/],
    [
      "an unreachable endpoint",
      () => ({ SLUICE_S3_ENDPOINT: "http://127.0.0.1:1" }),
      /does not answer \(ECONNREFUSED\)/,
    ],
    [
      "an endpoint without TLS, which the environment says it has",
      () => ({ SLUICE_S3_ENDPOINT: service.endpoint.url.replace("http:", "https:") }),
      /storage does not agree on TLS/,
    ],
    [
      "a missing bucket",
      () => ({ SLUICE_S3_BUCKET: "no-such-bucket", SLUICE_NAMESPACE: "new" }),
      /no-such-bucket does not exist/,
    ],
    ["a wrong region", () => ({ SLUICE_S3_REGION: "ap-southeast-2", SLUICE_NAMESPACE: "new" }), /lie[s]? in/],
    ["too little memory", () => ({ SLUICE_MEMORY_BUDGET_BYTES: String(2 ** 52) }), /this host or container has/],
    [
      "a foreign address",
      () => ({ SLUICE_LISTEN: "192.0.2.1:8080", SLUICE_PLAINTEXT: "behind-proxy" }),
      /cannot be listened on \(EADDRNOTAVAIL\)/,
    ],
    [
      "a database without the TLS that its URL asks for",
      () => ({ SLUICE_DATABASE_URL: `${other.adminUrl}?sslmode=verify-full` }),
      /the metadata database does not answer over TLS/,
    ],
    [
      "unreadable TLS files",
      () => ({ SLUICE_TLS_CERT: "/nonexistent/cert.pem", SLUICE_TLS_KEY: "/nonexistent/key.pem" }),
      /SLUICE_TLS_CERT is \/nonexistent\/cert.pem, which cannot be read \(ENOENT\)/,
    ],
  ];
  for (const [what, changes, sentence] of cases) {
    it(`says, and says only, that there is ${what}`, async () => {
      const { isWell, text } = await examine(changes());
      expect(isWell).to.equal(false);
      expect(problemsOf(text), text).to.have.length(1);
      expect(text).to.match(sentence);
    });
  }

  it("says that the credentials are wrong", async () => {
    const { AWS_SECRET_ACCESS_KEY: kept } = process.env;
    process.env.AWS_SECRET_ACCESS_KEY = "wrong";
    try {
      expect((await examine({})).text).to.contain("does not know the credentials (SignatureDoesNotMatch)");
    } finally {
      process.env.AWS_SECRET_ACCESS_KEY = kept;
    }
  });

  it("says what S3's refusals mean", async () => {
    let refusal = "";
    const storage = createServer((_request, response) => {
      const date = fromNow(-3_600_000).toUTCString();
      response.writeHead(403, { "content-type": "application/xml", date });
      response.end(`<?xml version="1.0"?><Error><Code>${refusal}</Code><Message>no</Message></Error>`);
    });
    await new Promise<void>((resolve) => storage.listen(0, "127.0.0.1", resolve));
    const SLUICE_S3_ENDPOINT = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
    const sentences = {
      AccessDenied: "may not list multipart uploads",
      ExpiredToken: "have expired",
      PermanentRedirect: "does not lie in",
      RequestTimeTooSkewed: "clock too far off",
    };
    for (const [code, sentence] of Object.entries(sentences)) {
      refusal = code;
      const { text } = await examine({ SLUICE_S3_ENDPOINT });
      expect(text).to.contain(sentence).and.to.contain("our clock is").and.to.contain("min ahead of that of storage");
    }
    storage.closeAllConnections();
    await new Promise((resolve) => storage.close(resolve));
  });

  it("tells a running Sluice on its port from another program", async () => {
    const { host } = new URL(service.url);
    expect((await examine({ SLUICE_LISTEN: host })).text).to.contain("is in use by a running Sluice");
    const stranger = new URL(service.endpoint.url).host;
    expect((await examine({ SLUICE_LISTEN: stranger })).text).to.contain("is in use by another program");
    const database = new URL(service.databaseUrl).host;
    expect((await examine({ SLUICE_LISTEN: database })).text).to.contain("is in use by another program");
  });

  it("reads the certificate, and compares it with the key", async function () {
    const [one, two] = [await createTlsCertificate(), await createTlsCertificate()];
    if (one === undefined || two === undefined) return this.skip();
    const files = { SLUICE_TLS_CERT: join(directory, "cert.pem"), SLUICE_TLS_KEY: join(directory, "key.pem") };
    await writeFile(files.SLUICE_TLS_CERT, one.cert);
    await writeFile(files.SLUICE_TLS_KEY, one.key);
    expect((await examine(files)).text).to.match(
      /WARNING {2}TLS: the certificate is valid until .*\n {9}renew it soon/,
    );
    await writeFile(files.SLUICE_TLS_KEY, two.key);
    expect((await examine(files)).text).to.contain("which is not the key of the certificate");
  });

  describe("sluice migrate", () => {
    const config = async () => (await import("../configuration/config-actions.ts")).CONFIG_COMMANDS;
    const serverCommands = {
      migrate,
      config,
      serve: async () => {},
      doctor: async () => true,
      reconcile: async () => true,
    };

    it("applies what is missing, once, and needs to know the database alone", async () => {
      const terminal = fakeTerminal({ SLUICE_DATABASE_URL: other.adminUrl });
      expect(await runCli(["migrate"], terminal, serverCommands)).to.equal(0);
      expect(terminal.stdout.text()).to.equal("the schema is up to date\n");
      const fresh = fakeTerminal({ SLUICE_DATABASE_URL: empty.url });
      expect(await runCli(["migrate"], fresh, serverCommands)).to.equal(0);
      expect(fresh.stdout.text()).to.match(/^applied V1__/);
      const granting = fakeTerminal({ SLUICE_DATABASE_URL: empty.url });
      expect(await runCli(["migrate", "--grant-to", "pg_monitor"], granting, serverCommands)).to.equal(0);
      expect(granting.stdout.text()).to.equal("the schema is up to date\npg_monitor may run the service\n");
    });

    it("ends with 75 while the database is away, with 1 when the configuration is wrong", async () => {
      const away = fakeTerminal({ SLUICE_DATABASE_URL: "postgres://a:b@127.0.0.1:1/c" });
      expect(await runCli(["migrate"], away, serverCommands)).to.equal(75);
      const wrong = fakeTerminal({});
      expect(await runCli(["migrate"], wrong, serverCommands)).to.equal(1);
      expect(wrong.stderr.text()).to.contain("SLUICE_DATABASE_URL is missing");
    });
  });
});
