import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService, UploadState, type WatchUploadResponse } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { API_TOKEN, type ApiFunctions, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { sampleFile, sampleUpload } from "../../testing/samples/sample-records.ts";

const REQUEST_ID = "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b";
const AUTHORIZED = { headers: { authorization: `Bearer ${API_TOKEN}` } };

describe("the services", () => {
  let server: ApiServer | undefined;

  async function open(functions: ApiFunctions) {
    server = await openApiServer(functions);
    return server;
  }

  afterEach(async () => {
    await server?.close({ graceMs: 0 });
    server = undefined;
  });

  describe("UploadService", () => {
    const client = (url: string) => createClient(UploadService, createGrpcTransport({ baseUrl: url }));
    const parts = [{ partNumber: 1, lengthBytes: 100, crc32: 9, etag: "e" }];
    const undeclared = { sizeBytes: undefined, crc32: undefined, sha256: undefined, ifGenerationMatch: undefined };

    it("creates an upload from all fields of the request", async () => {
      const requests: unknown[] = [];
      const { url } = await open({
        uploads: {
          createUpload: async (request) => {
            requests.push(request);
            return { upload: sampleUpload(), created: true };
          },
        },
      });
      const full = {
        requestId: REQUEST_ID,
        namespace: "default",
        path: "a",
        sizeBytes: 0n,
        sizeHintBytes: 1n,
        contentType: "text/plain",
        metadata: { a: "b" },
        labels: { team: "tax" },
        dataSubject: "s-1",
        crc32: 0,
        sha256: Buffer.alloc(32),
        computeSha256: true,
        ifGenerationMatch: 0n,
      };
      const { upload } = await client(url).createUpload(full, AUTHORIZED);
      await client(url).createUpload({ path: "b" }, AUTHORIZED);
      expect(upload).to.include({ uploadId: sampleUpload().uploadId, state: UploadState.OPEN, durableBytes: 0n });
      expect(requests).to.deep.equal([
        { ...full, sizeBytes: 0, sizeHintBytes: 1, ifGenerationMatch: 0, sha256: new Uint8Array(32) },
        {
          ...undeclared,
          requestId: "",
          namespace: "",
          path: "b",
          contentType: "",
          metadata: {},
          labels: {},
          dataSubject: "",
          sizeHintBytes: undefined,
          computeSha256: false,
        },
      ]);
    });

    it("shows the progress of an upload that the same request created before", async () => {
      const { url } = await open({
        uploads: {
          createUpload: async () => ({ upload: sampleUpload(), created: false }),
          getUpload: async ({ uploadId }) => ({ upload: sampleUpload({ uploadId }), parts, receivedBytes: 120 }),
        },
      });
      const { upload } = await client(url).createUpload({}, AUTHORIZED);
      expect(upload).to.include({ receivedBytes: 120n, durableOffset: 100n, durableCrc32: 9 });
    });

    it("completes an upload with what the caller knows of the file", async () => {
      const requests: unknown[] = [];
      const { url } = await open({
        uploads: {
          completeUpload: async (request) => {
            requests.push(request);
            return sampleFile();
          },
        },
      });
      const known = { requestId: REQUEST_ID, namespace: "default", uploadId: "u" };
      const { file, receipt } = await client(url).completeUpload(known, AUTHORIZED);
      const declared = { sizeBytes: 5n, crc32: 7, sha256: new Uint8Array(32), ifGenerationMatch: 2n };
      const parts = [{ partNumber: 2, etag: "e" }];
      await client(url).completeUpload({ ...known, ...declared, parts }, AUTHORIZED);
      expect(file?.fileId).to.equal(receipt?.fileId).and.equal(sampleFile().fileId);
      expect(requests).to.deep.equal([
        { ...known, ...undeclared, parts: [] },
        { ...known, ...declared, sizeBytes: 5, ifGenerationMatch: 2, parts },
      ]);
    });

    it("aborts and gets an upload", async () => {
      const upload = sampleUpload({ state: "aborted" });
      const { url } = await open({
        uploads: {
          abortUpload: async () => upload,
          getUpload: async () => ({ upload, parts, receivedBytes: 120 }),
        },
      });
      const aborted = await client(url).abortUpload({ requestId: REQUEST_ID, uploadId: "u" }, AUTHORIZED);
      const got = await client(url).getUpload({ uploadId: "u" }, AUTHORIZED);
      expect(aborted.upload).to.deep.equal(got.upload);
      expect(aborted.upload).to.include({ state: UploadState.ABORTED, durableBytes: 0n, receivedBytes: 120n });
    });

    it("streams the reports of a watched upload until the outcome", async () => {
      const { uploadId, namespace, path } = sampleUpload();
      const sizes = { sizeBytes: undefined, receivedBytes: 120, durableBytes: 100, file: undefined };
      const report = { uploadId, namespace, path, state: "open" as const, ...sizes };
      const requests: unknown[] = [];
      const { url } = await open({
        uploads: {
          watchUpload: async function* (request) {
            requests.push(request);
            yield { ...report, bytesPerSecond: undefined, etaMs: undefined };
            yield { ...report, sizeBytes: 130, bytesPerSecond: 6.6, etaMs: 1500.4 };
            yield { ...report, state: "committed", file: sampleFile(), bytesPerSecond: 0, etaMs: undefined };
          },
        },
      });
      const told: WatchUploadResponse[] = [];
      for await (const one of client(url).watchUpload({ namespace, uploadId }, AUTHORIZED)) told.push(one);
      expect(requests).to.deep.equal([{ namespace, uploadId }]);
      const sums = { path, receivedBytes: 120n, durableBytes: 100n, committed: false };
      expect(told[0]).to.include({ ...sums, state: UploadState.OPEN });
      expect([told[0]?.sizeBytes, told[0]?.bytesPerSecond, told[0]?.eta]).to.deep.equal([
        undefined,
        undefined,
        undefined,
      ]);
      expect(told[1]).to.deep.include({ sizeBytes: 130n, bytesPerSecond: 7n });
      expect(told[1]?.eta).to.include({ seconds: 1n, nanos: 500_000_000 });
      expect(told[2]).to.include({ state: UploadState.COMMITTED, committed: true });
      expect(told[2]?.receipt?.fileId).to.equal(told[2]?.file?.fileId).and.equal(sampleFile().fileId);
      expect(told).to.have.length(3);
    });

    it("leaves WriteUpload to the handler that it is given, uncompressed", async () => {
      const encodings: unknown[] = [];
      const { url } = await open({
        uploads: {
          writeUpload: async function* (requests, context) {
            encodings.push(context.responseHeader.get("grpc-encoding"));
            for await (const { message } of requests) {
              if (message.case === "chunk") {
                const progress = { receivedBytes: BigInt(message.value.data.length) };
                yield { message: { case: "progress" as const, value: progress } };
              }
            }
          },
        },
      });
      async function* requests() {
        yield { message: { case: "chunk" as const, value: { data: new Uint8Array(2048) } } };
      }
      for await (const { message } of client(url).writeUpload(requests(), AUTHORIZED)) {
        expect(message).to.deep.include({ case: "progress" });
      }
      expect(encodings).to.deep.equal([null]);
    });
  });

  describe("FileCommandService", () => {
    const client = (url: string) => createClient(FileCommandService, createGrpcTransport({ baseUrl: url }));

    it("hands requests on in plain values", async () => {
      const requests: unknown[] = [];
      const note = (request: unknown) => requests.push(request);
      const { url } = await open({
        fileCommands: {
          createDownloadUrl: async (request) => {
            note(request);
            return { url: "https://s3.example", expireTime: new Date(1500), file: sampleFile() };
          },
          updateFile: async (request) => {
            note(request);
            return sampleFile({ labels: { a: "b" } });
          },
          deleteFile: async (request) => {
            note(request);
            return sampleFile({ purgeTime: new Date(0) });
          },
          undeleteFile: async (request) => {
            note(request);
            return sampleFile();
          },
          copyFile: async (request) => {
            note(request);
            return sampleFile({ path: request.targetPath });
          },
          purgeFiles: async (request) => {
            note(request);
            return { matched: 3, purged: 2, retained: 1, samplePaths: ["a"], nextPageToken: "n" };
          },
          moveFile: async (request) => {
            note(request);
            return sampleFile({ path: request.targetPath });
          },
          restoreGeneration: async (request) => {
            note(request);
            return sampleFile({ generation: request.generation + 1 });
          },
          purgeFile: async (request) => {
            note(request);
            return sampleFile({ purgeState: "purged" });
          },
        },
      });
      const name = { namespace: "default", path: "a" };
      const lifetime = { seconds: 1n, nanos: 500_000_000 };
      const signed = await client(url).createDownloadUrl(
        { ...name, lifetime, inline: true, contentType: "text/plain" },
        AUTHORIZED,
      );
      await client(url).createDownloadUrl({ ...name, generation: 1n, downloadName: "b" }, AUTHORIZED);
      const file = { ...name, etag: "e", contentType: "c", metadata: { m: "n" }, labels: { a: "b" }, dataSubject: "s" };
      const updateMask = { paths: ["labels", "content_type"] };
      const updated = await client(url).updateFile({ requestId: REQUEST_ID, file, updateMask }, AUTHORIZED);
      await client(url).updateFile({ file: name }, AUTHORIZED);
      const kept = { ...name, generation: 2n, legalHold: true, retainUntilTime: { seconds: 1n, nanos: 500_000_000 } };
      await client(url).updateFile({ file: kept }, AUTHORIZED);
      const unretained = { legalHold: false, retainUntilTime: undefined };
      const deleted = await client(url).deleteFile({ ...name, requestId: REQUEST_ID }, AUTHORIZED);
      await client(url).deleteFile({ ...name, ifGenerationMatch: 4n, etag: "d" }, AUTHORIZED);
      const restored = await client(url).undeleteFile(
        { ...name, requestId: REQUEST_ID, generation: 2n, etag: "u" },
        AUTHORIZED,
      );
      const purged = await client(url).purgeFile(
        { ...name, requestId: REQUEST_ID, generation: 2n, etag: "p" },
        AUTHORIZED,
      );
      expect(purged.file?.purged).to.equal(true);
      const conditions = { etag: "e", ifGenerationMatch: 1n, ifTargetGenerationMatch: 0n };
      const moved = await client(url).moveFile({ ...name, targetPath: "b", ...conditions }, AUTHORIZED);
      await client(url).moveFile({ ...name, targetPath: "b" }, AUTHORIZED);
      expect(moved.file?.path).to.equal("b");
      const copy = { ...name, generation: 3n, targetPath: "c", etag: "e", ifTargetGenerationMatch: 0n };
      const override = { labels: { a: "b" } };
      const copied = await client(url).copyFile({ ...copy, override, updateMask: { paths: ["labels"] } }, AUTHORIZED);
      await client(url).copyFile({ ...name, targetPath: "c" }, AUTHORIZED);
      expect(copied.file?.path).to.equal("c");
      const purge = {
        filter: "a",
        dryRun: true,
        includeLive: true,
        includeSuperseded: true,
        pageSize: 7,
        pageToken: "t",
      };
      const counts = await client(url).purgeFiles({ namespace: "default", ...purge }, AUTHORIZED);
      expect(counts).to.include({ matchedCount: 3n, purgedCount: 2n, retainedCount: 1n, nextPageToken: "n" });
      expect(counts.samplePaths).to.deep.equal(["a"]);
      const current = await client(url).restoreGeneration(
        { ...name, generation: 2n, ifGenerationMatch: 0n },
        AUTHORIZED,
      );
      expect(current.file?.generation).to.equal(3n);
      expect(signed).to.deep.include({ url: "https://s3.example" });
      expect(signed.expireTime).to.include({ seconds: 1n, nanos: 500_000_000 });
      expect(updated.file?.labels).to.deep.equal({ a: "b" });
      expect([deleted.file?.purgeTime?.seconds, restored.file?.purgeTime]).to.deep.equal([0n, undefined]);
      expect(requests).to.deep.equal([
        { ...name, lifetimeMs: 1500, inline: true, downloadName: "", contentType: "text/plain" },
        { ...name, generation: 1, inline: false, downloadName: "b", contentType: "" },
        {
          ...name,
          requestId: REQUEST_ID,
          etag: "e",
          updateMask: updateMask.paths,
          values: { contentType: "c", metadata: { m: "n" }, labels: { a: "b" }, dataSubject: "s", ...unretained },
        },
        {
          ...name,
          requestId: "",
          etag: "",
          updateMask: undefined,
          values: { contentType: "", metadata: {}, labels: {}, dataSubject: "", ...unretained },
        },
        {
          ...name,
          requestId: "",
          etag: "",
          updateMask: undefined,
          generation: 2,
          values: {
            contentType: "",
            metadata: {},
            labels: {},
            dataSubject: "",
            legalHold: true,
            retainUntilTime: new Date(1500),
          },
        },
        { ...name, requestId: REQUEST_ID, etag: "" },
        { ...name, requestId: "", ifGenerationMatch: 4, etag: "d" },
        { ...name, requestId: REQUEST_ID, generation: 2, etag: "u" },
        { ...name, requestId: REQUEST_ID, generation: 2, etag: "p" },
        { ...name, requestId: "", targetPath: "b", etag: "e", ifGenerationMatch: 1, ifTargetGenerationMatch: 0 },
        { ...name, requestId: "", targetPath: "b", etag: "" },
        {
          ...name,
          requestId: "",
          generation: 3,
          targetPath: "c",
          etag: "e",
          ifTargetGenerationMatch: 0,
          values: { contentType: "", metadata: {}, labels: { a: "b" }, dataSubject: "", ...unretained },
          updateMask: ["labels"],
        },
        {
          ...name,
          requestId: "",
          targetPath: "c",
          etag: "",
          updateMask: undefined,
          values: { contentType: "", metadata: {}, labels: {}, dataSubject: "", ...unretained },
        },
        { namespace: "default", requestId: "", ...purge },
        { ...name, requestId: "", generation: 2, ifGenerationMatch: 0 },
      ]);
    });
  });

  it("list and search files with their tokens", async () => {
    const requests: unknown[] = [];
    const answer = async (request: unknown) => {
      requests.push(request);
      return { files: [sampleFile({ path: "p/x" })], folders: ["p/y/"], nextPageToken: "next" };
    };
    const { url } = await open({ fileQueries: { listFiles: answer, searchFiles: answer, listGenerations: answer } });
    const client = createClient(FileQueryService, createGrpcTransport({ baseUrl: url }));
    const page = { namespace: "default", pageSize: 2, pageToken: "t", showDeleted: true, filter: "f", orderBy: "o" };
    const list = { ...page, prefix: "p", delimiter: "/" };
    const search = { ...page, query: "q" };
    for (const response of [await client.listFiles(list, AUTHORIZED), await client.searchFiles(search, AUTHORIZED)]) {
      expect(response.files.map((file) => file.path)).to.deep.equal(["p/x"]);
      expect(response.nextPageToken).to.equal("next");
    }
    expect((await client.listFiles(list, AUTHORIZED)).folders).to.deep.equal(["p/y/"]);
    const generations = { namespace: "default", path: "p/x", pageSize: 2, pageToken: "t" };
    expect((await client.listGenerations(generations, AUTHORIZED)).files[0]?.path).to.equal("p/x");
    expect(requests).to.deep.equal([list, search, list, generations]);
  });
});
