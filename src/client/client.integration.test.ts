import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect } from "chai";
import { UploadState } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../testing/rigs/service/running-service.ts";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { createSluiceClient, type SluiceClient } from "./client.ts";
import type { SluiceError } from "./sluice-error.ts";

const content = Buffer.alloc(700_001, "bytes of a file");

const caught = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => Promise.reject(new Error("it resolved")),
    (error) => error,
  );

describe("createSluiceClient, against the service", () => {
  let service: RunningService;
  let client: SluiceClient;

  before(async () => {
    service = await startService();
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
  });

  after(async () => {
    client?.close();
    await service?.stop();
  });

  async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
    const collected: T[] = [];
    for await (const item of items) collected.push(item);
    return collected;
  }

  async function download(path: string, from = client): Promise<Buffer> {
    const output = new PassThrough();
    const [bytes] = await Promise.all([buffer(output), from.download(path, output).finally(() => output.end())]);
    return bytes;
  }

  it("uploads, finds, lists, downloads, deletes and restores", async () => {
    const { receipt } = await client.upload(content, "a/b", { metadata: { name: "value" }, computeSha256: true });
    expect(receipt?.sizeBytes).to.equal(BigInt(content.length));
    expect(receipt?.sha256).to.have.length(32);
    const file = await client.getFile("a/b", { generation: 1n });
    expect(file.metadata).to.deep.equal({ name: "value" });
    const paths: string[] = [];
    await client.upload(content.subarray(0, 1), "a/c");
    for await (const found of client.allFiles({ prefix: "a/", pageSize: 1 })) paths.push(found.path);
    expect(paths).to.deep.equal(["a/b", "a/c"]);
    expect((await download("a/b")).equals(content)).to.equal(true);
    expect((await client.deleteFile("a/b", { ifGenerationMatch: 1n })).deleteTime).not.to.equal(undefined);
    expect(await caught(client.getFile("a/b"))).to.include({ code: "not_found", reason: "FILE_NOT_FOUND" });
    expect((await client.undeleteFile("a/b", { generation: 1n })).path).to.equal("a/b");
  });

  it("labels files, finds them, and lists folders and generations", async () => {
    await client.upload(content, "find/one/report.pdf", { labels: { team: "legal" } });
    await client.upload(content.subarray(0, 5), "find/two.txt", {
      labels: { team: "legal" },
      metadata: { note: "Report" },
    });
    const pathsOf = async (files: AsyncIterable<{ path: string }>) => (await collect(files)).map(({ path }) => path);
    const filter = "labels.team = legal AND size_bytes < 6";
    expect(await pathsOf(client.allMatches({ filter }))).to.deep.equal(["find/two.txt"]);
    const newest = { query: "report", orderBy: "create_time desc", pageSize: 1 };
    expect(await pathsOf(client.allMatches(newest))).to.deep.equal(["find/two.txt", "find/one/report.pdf"]);
    const file = await client.getFile("find/two.txt");
    const values = { labels: { team: "tax" }, etag: file.etag };
    const updated = await client.updateFile("find/two.txt", values, { updateMask: ["labels.team"] });
    expect(updated.labels).to.deep.equal({ team: "tax" });
    expect(await pathsOf(client.allMatches({ filter }))).to.deep.equal([]);
    const folder = await client.listFiles({ prefix: "find/", delimiter: "/" });
    expect([folder.files.map(({ path }) => path), folder.folders]).to.deep.equal([["find/two.txt"], ["find/one/"]]);
    await client.upload(content, "find/two.txt");
    const generations = await collect(client.allGenerations("find/two.txt"));
    expect(generations.map(({ generation }) => generation)).to.deep.equal([2n, 1n]);
    const refused = await caught(client.searchFiles({ filter: "colour = red" }));
    expect(refused).to.include({ code: "invalid_argument", reason: "FILTER_INVALID" });
    expect(refused).to.have.property("details").that.includes({ position: "1" });
  });

  it("signs URLs of the life and name that are asked for", async () => {
    await client.upload(content, "signed");
    const { url } = await client.createDownloadUrl("signed", { lifetimeMs: 60_000, downloadName: "name.txt" });
    expect(url).to.contain("X-Amz-Expires=60");
    const answer = await fetch(url);
    expect(answer.headers.get("content-disposition")).to.contain("name.txt");
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).to.equal(true);
  });

  it("creates uploads to write to later, completes and aborts them", async () => {
    const created = await client.createUpload("later", { sizeBytes: BigInt(content.length) });
    await client.upload(content, "later", { resumeUploadId: created.uploadId });
    const again = await client.completeUpload(created.uploadId, { sizeBytes: BigInt(content.length) });
    expect(again.receipt?.generation).to.equal(1n);
    const given = await client.createUpload("given up");
    expect((await client.abortUpload(given.uploadId)).state).to.equal(UploadState.ABORTED);
    expect((await client.getUpload(given.uploadId)).state).to.equal(UploadState.ABORTED);
  });

  it("throws what the service refuses, with its reason", async () => {
    const error = await caught(client.upload(content, "a//b"));
    expect(error).to.include({ code: "invalid_argument", reason: "PATH_INVALID" });
    const exists = await caught(client.upload(content, "signed", { ifGenerationMatch: 0 }));
    expect(exists).to.include({ code: "failed_precondition", reason: "GENERATION_MISMATCH" });
  });

  describe("over TLS", () => {
    let secured: RunningService | undefined;
    let certificate: TlsCertificate | undefined;
    let directory: string;

    before(async function () {
      directory = await mkdtemp(join(tmpdir(), "sluice-client-tls-"));
      certificate = await createTlsCertificate();
      if (certificate === undefined) return this.skip();
      const settings = { SLUICE_TLS_CERT: join(directory, "cert.pem"), SLUICE_TLS_KEY: join(directory, "key.pem") };
      await writeFile(settings.SLUICE_TLS_CERT, certificate.cert);
      await writeFile(settings.SLUICE_TLS_KEY, certificate.key);
      secured = await startService({ settings });
    });

    after(async () => {
      await secured?.stop();
      await rm(directory, { recursive: true, force: true });
    });

    it("uploads and downloads where the authority is known", async () => {
      const known = createSluiceClient({
        url: secured!.url,
        token: SERVICE_TOKEN,
        tls: { ca: certificate!.cert },
      });
      await known.upload(content, "tls");
      expect((await download("tls", known)).equals(content)).to.equal(true);
      known.close();
    });

    it("refuses, at the first try, a certificate of an authority that is not", async () => {
      const stranger = createSluiceClient({ url: secured!.url, token: SERVICE_TOKEN });
      for (const call of [stranger.upload(content, "tls"), stranger.getFile("tls")]) {
        expect(await caught(call)).to.include({ code: "unavailable", reason: "TLS_UNTRUSTED" });
      }
      stranger.close();
    });
  });
});
