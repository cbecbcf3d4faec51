import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { codeOf, TestRig } from "./test-rig.ts";

describe("the development S3 server as a process", () => {
  let directory: string;
  let child: ChildProcess | undefined;
  let client: S3Client | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-s3-main-"));
  });
  afterEach(async () => {
    client?.destroy();
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(directory, { recursive: true, force: true });
  });

  const start = async (...args: string[]) => startWith({}, ...args);
  const startWith = async (environment: Record<string, string>, ...args: string[]) => {
    const main = new URL("main.ts", import.meta.url).pathname;
    child = spawn(process.execPath, [main, "--directory", directory, "--bucket", "bucket", ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
    const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line");
    const { url, port } = JSON.parse(line) as { url: string; port: number };
    client = new S3Client({
      endpoint: url,
      region: "us-east-1",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: "sluice", secretAccessKey: "sluice-secret" },
    });
    return { client, port, child };
  };
  const k = { Bucket: "bucket", Key: "k" };

  it("says where it is, serves, and ends on SIGTERM", async () => {
    const { client, child } = await start("--etags", "md5", "--min-part-bytes", "1");
    const { ETag } = await client.send(new PutObjectCommand({ ...k, Body: "hello" }));
    expect(ETag).to.equal('"5d41402abc4b2a76b9719d911017c592"');
    child.kill("SIGTERM");
    expect(await once(child, "exit")).to.deep.equal([0, null]);
  });

  it("takes its secret from the environment", async () => {
    const { client } = await startWith({ DEV_S3_SECRET_ACCESS_KEY: "another" });
    expect(await codeOf(client.send(new GetObjectCommand(k)))).to.equal("SignatureDoesNotMatch");
    client.config.credentials = async () => ({ accessKeyId: "sluice", secretAccessKey: "another" });
    await client.send(new PutObjectCommand({ ...k, Body: "hello" }));
  });

  it("keeps what was acknowledged when it is killed", async () => {
    const first = await start();
    await first.client.send(new PutObjectCommand({ ...k, Body: "hello" }));
    first.client.destroy();
    first.child.kill("SIGKILL");
    await once(first.child, "exit");
    const { client } = await start();
    expect(await (await client.send(new GetObjectCommand(k))).Body?.transformToString()).to.equal("hello");
  });

  it("ends with its standard input when asked to", async () => {
    const { child } = await start("--exit-with-stdin");
    child.stdin?.end();
    expect(await once(child, "exit")).to.deep.equal([0, null]);
  });

  it("discards bodies but keeps to the rules, trusting declared checksums", async () => {
    const { client } = await start("--discard");
    await client.send(new PutObjectCommand({ ...k, Body: Buffer.alloc(300_000), ChecksumCRC32: "AAAAAA==" }));
    const { ContentLength } = await client.send(new HeadObjectCommand(k));
    expect(ContentLength).to.equal(300_000);
    expect(await codeOf(client.send(new GetObjectCommand(k)))).to.equal("NotImplemented");
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(k));
    const part = async (PartNumber: number, Body: Buffer) => {
      const { ETag } = await client.send(new UploadPartCommand({ ...k, UploadId, PartNumber, Body }));
      return { PartNumber, ETag };
    };
    const Parts = [await part(1, Buffer.alloc(5 * 1024 * 1024)), await part(2, Buffer.alloc(1))];
    const wrongOrder = { MultipartUpload: { Parts: [...Parts].reverse() } };
    expect(await codeOf(client.send(new CompleteMultipartUploadCommand({ ...k, UploadId, ...wrongOrder })))).to.equal(
      "InvalidPartOrder",
    );
    await client.send(new CompleteMultipartUploadCommand({ ...k, UploadId, MultipartUpload: { Parts } }));
  });

  it("verifies while it discards when told to, and plays its fault script", async () => {
    const faults = [
      { operation: "PutObject", match: { key: "^x" }, fault: { kind: "status", status: 500, code: "Boom" } },
    ];
    const { client } = await start("--discard", "--verify-checksums", "--faults", JSON.stringify(faults));
    const put = (Key: string, ChecksumCRC32?: string) =>
      codeOf(client.send(new PutObjectCommand({ ...k, Key, Body: "hello", ChecksumCRC32 })));
    expect(await put("k", "AAAAAA==")).to.equal("BadDigest");
    expect(await put("k")).to.equal("none");
    expect(await put("x")).to.equal("Boom");
  });

  it("speaks TLS 1.3", async function () {
    const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
    try {
      const subject = ["-subj", "/CN=localhost", "-days", "1", "-keyout", key, "-out", cert];
      execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject], { stdio: "ignore" });
    } catch {
      console.log("    openssl is missing: TLS not tried");
      this.skip();
    }
    const { port } = await start("--tls-cert", cert, "--tls-key", key);
    const request = httpsRequest({ host: "127.0.0.1", port, path: "/", rejectUnauthorized: false, agent: false });
    request.end();
    const [response] = await once(request, "response");
    expect(response.socket.getProtocol()).to.equal("TLSv1.3");
    expect(response.statusCode).to.equal(403);
    response.resume();
    await once(response, "end");
  });

  it("refuses a fault script that is none", async () => {
    const main = new URL("main.ts", import.meta.url).pathname;
    child = spawn(process.execPath, [main, "--directory", directory, "--faults", "{}"], { stdio: "ignore" });
    const [code] = await once(child, "exit");
    expect(code).to.equal(1);
  });

  it("refuses a port that is taken", async () => {
    const rig = await TestRig.start();
    const error = await TestRig.start({ port: rig.server.port, directory: rig.directory }).catch((caught) => caught);
    expect(error.code).to.equal("EADDRINUSE");
    await rig.dispose();
  });
});
