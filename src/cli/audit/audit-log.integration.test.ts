import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { createNoteKey, parseNoteSigner, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { LogPublisher } from "../../journal/log/log-publisher.ts";
import { createLogStore } from "../../s3/log-store.ts";
import { createTestKey, LOG_NAME, LogRig } from "../../testing/rigs/database/log-rig.ts";
import { type DevS3, startDevS3 } from "../../testing/rigs/storage/dev-s3.ts";
import { createTestAccess } from "../../testing/rigs/storage/s3-subject.ts";
import { runCli } from "../program.ts";

describe("sluice audit, of a published log", () => {
  let rig: LogRig;
  let folder: string;
  let server: Server;
  let s3: DevS3;
  const { signingKey } = createNoteKey(LOG_NAME);
  before(async () => {
    [rig, s3, folder] = [await LogRig.start(), await startDevS3(), await mkdtemp(join(tmpdir(), "sluice-log-"))];
    await rig.enterUpTo(300);
    await rig.publisher().publish();
    for (const [path, bytes] of rig.store.objects) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const lines = (await rig.export()).map((line) => JSON.stringify(line));
    await writeFile(join(folder, "export.ndjson"), `${lines.join("\n")}\n`);
    server = createServer((request, response) => {
      readFile(join(folder, request.url ?? "")).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    }).listen(0, "127.0.0.1");
  });
  after(async () => {
    server?.close();
    await rm(folder, { recursive: true, force: true });
    await s3?.stop();
    await rig?.close();
  });
  const run = async (args: readonly string[], env: Record<string, string> = {}, input = "") => {
    const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
    stdin.end(input);
    const terminal = { stdout, stderr, stdin, env, signal: new AbortController().signal };
    const exitCode = await runCli(["audit", ...args], terminal, {} as never);
    stdout.end();
    stderr.end();
    return { exitCode, out: await text(stdout), err: await text(stderr) };
  };
  const verify = (...args: string[]) => run(["verify", "--key", rig.key.verifierKey, ...args]);

  it("accepts a log in a folder and at a URL, with an export and without", async () => {
    const { port } = server.address() as AddressInfo;
    for (const log of [folder, `http://127.0.0.1:${port}`, `http://127.0.0.1:${port}/`]) {
      const { exitCode, out } = await verify("--log", log, "--export", join(folder, "export.ndjson"), "--all");
      expect(exitCode).to.equal(0);
      expect(out).to.include(`${LOG_NAME}: 300 entries are as the checkpoint says`).and.include("300 exported entries");
    }
    const { out } = await verify("--log", folder, "--json");
    expect(JSON.parse(out)).to.deep.include({ origin: LOG_NAME, size: 300, proven: 0 });
    const key = join(folder, "key");
    await writeFile(key, `${rig.key.verifierKey}\n`);
    expect((await run(["verify", "--key", key, "--log", folder])).exitCode).to.equal(0);
    expect((await verify("--log", folder, "--checkpoint", join(folder, "checkpoint"))).exitCode).to.equal(0);
  });

  it("names what is wrong, and exits with 1", async () => {
    const { exitCode, err } = await run(
      ["verify", "--key", rig.key.verifierKey, "--log", folder, "--export", "-", "--all"],
      {},
      (await readFile(join(folder, "export.ndjson"), "utf8")).split("\n").toSpliced(9, 1).join("\n"),
    );
    expect(exitCode).to.equal(1);
    expect(err).to.include("sluice: entry 10 was removed");
    const other = await run(["verify", "--key", createTestKey().verifierKey, "--log", folder]);
    expect(other.err).to.include("the checkpoint is not signed by the key of this log");
    expect((await verify("--log", join(folder, "none"))).err).to.include("there is no checkpoint");
    expect((await run(["verify", "--key", "x+y", "--log", folder])).exitCode).to.equal(2);
    expect((await run(["verify", "--key", "no-such-file", "--log", folder])).exitCode).to.equal(2);
    expect(
      (await run(["verify", "--key", rig.key.verifierKey, "--log", folder, "--export", "-"], {}, "{")).err,
    ).to.include("line 1 of the export is no JSON");
  });

  it("makes keys that the service and verifiers take", async () => {
    const { out } = await run(["keygen", "example.org/new"]);
    const [, keys = "", verifierKey = ""] = /^SLUICE_AUDIT_KEYS='(.*)'\n.*verify: (\S+)\n$/.exec(out) ?? [];
    const signer = parseNoteSigner(JSON.parse(keys)[0]);
    expect(signer?.verifierKey).to.equal(verifierKey);
    expect(parseNoteVerifier(verifierKey)?.name).to.equal("example.org/new");
    expect(await run(["keygen", "a b"])).to.deep.include({ exitCode: 2 });
  });

  it("lets another log begin in a folder that none has, which is published from then on", async () => {
    const { access, close } = createTestAccess(s3.endpoint);
    const now = () => rig.now;
    const store = createLogStore(access, { bucket: "bucket", prefix: "audit/", lockMs: 1, now });
    const publish = () =>
      new LogPublisher({ leaves: rig.leaves, store, signers: [parseNoteSigner(signingKey) as never], now }).publish();
    await publish();
    const { accessKeyId, secretAccessKey, url, region } = s3.endpoint;
    const env = {
      ...{
        SLUICE_DATABASE_URL: rig.subject.url,
        SLUICE_S3_BUCKET: "bucket",
        SLUICE_S3_ENDPOINT: url,
        SLUICE_S3_REGION: region,
      },
      ...{ SLUICE_AUTH: "dev", SLUICE_DEV_TOKEN: "service-token" },
    };
    expect((await run(["fork", "--continue"], env)).err).to.include("no audit log is published here");
    const before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    try {
      const logging = { ...env, SLUICE_AUDIT_BUCKET: "bucket/audit", SLUICE_AUDIT_KEYS: JSON.stringify([signingKey]) };
      const { exitCode, out } = await run(["fork", "--continue"], logging);
      expect(exitCode).to.equal(0);
      expect(out).to.equal(`the log ${LOG_NAME}/forks/1 begins in bucket/audit/forks/1/\n`);
      expect(await publish()).to.equal(300);
      // As a database of a backup from before the first fork.
      await rig.query("DELETE FROM journal_log WHERE fork > 0");
      expect((await run(["fork", "--continue"], logging)).out).to.include("/forks/2 begins");
    } finally {
      process.env = before;
      close();
    }
  });
});
