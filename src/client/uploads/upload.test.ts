import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect } from "chai";
import { type ScriptedServer, serviceError, startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import { createSluiceClient, type SluiceClient } from "../client.ts";
import type { SluiceError } from "../sluice-error.ts";
import type { UploadProgress } from "./upload-progress.ts";

const PART_BYTES = 64 * 1024;
const retry = { delayBaseMs: 1, delayMaxMs: 2, triesMax: 5 };

/** Bytes that differ from place to place, the same in each run. */
function patternBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let i = 0, x = 12345; i < sizeBytes; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function rejection(promise: Promise<unknown>): Promise<SluiceError> {
  try {
    await promise;
  } catch (error) {
    return error as SluiceError;
  }
  throw new Error("it resolved");
}

describe("upload", () => {
  let server: ScriptedServer;
  let client: SluiceClient;
  let directory: string;
  const content = patternBytes(10 * PART_BYTES + 777);

  beforeEach(async () => {
    server = await startScriptedServer({ partSizeBytes: PART_BYTES });
    client = createSluiceClient({ url: server.url, token: "secret" });
    directory = await mkdtemp(join(tmpdir(), "sluice-client-"));
  });

  afterEach(async () => {
    client.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const stored = (at = 0) => Buffer.concat(server.uploads[at]?.durable ?? []);
  const writeContent = async (bytes = content) => {
    const path = join(directory, "source.bin");
    await writeFile(path, bytes);
    return path;
  };

  it("sends a file in chunks that carry their CRC32 and cross no part boundary", async () => {
    const committed = await client.upload(await writeContent(), "a/b");
    expect(stored().equals(content)).to.equal(true);
    expect(committed.receipt?.sizeBytes).to.equal(BigInt(content.length));
    expect(server.chunks).to.have.length(11);
  });

  it("sends chunks of 1 MiB where parts are larger", async () => {
    const large = patternBytes(5 * 2 ** 20);
    const roomy = await startScriptedServer({ partSizeBytes: 4 * 2 ** 20 });
    const other = createSluiceClient({ url: roomy.url, token: "secret" });
    await other.upload(await writeContent(large), "a/b");
    expect(roomy.chunks.map((chunk) => chunk.sizeBytes)).to.deep.equal(Array(5).fill(2 ** 20));
    other.close();
    await roomy.close();
  });

  it("sends nothing but start and finish for an empty source", async () => {
    await client.upload(new Uint8Array(), "a/b");
    expect(server.chunks).to.deep.equal([]);
    expect(server.uploads[0]?.committed).to.equal(true);
  });

  it("sends bytes from memory, and says their size beforehand", async () => {
    await client.upload(content, "a/b", {
      contentType: "text/plain",
      metadata: { a: "1" },
      ifGenerationMatch: 0,
      sizeHintBytes: 5,
    });
    const target = server.starts[0]?.target;
    expect(target?.case === "create" && target.value.sizeBytes).to.equal(BigInt(content.length));
    expect(target?.case === "create" && target.value.ifGenerationMatch).to.equal(0n);
    expect(stored().equals(content)).to.equal(true);
  });

  it("joins the small pieces of an iterable, text included", async () => {
    async function* lines() {
      for (let i = 0; i < 1000; i++) yield `line ${i}\n`;
    }
    await client.upload(lines(), "a/b");
    expect(server.chunks).to.have.length(1);
    expect(stored().toString()).to.contain("line 0\n").and.contain("line 999\n");
  });

  it("tells received, durable and committed, and never says committed before the end", async () => {
    const seen: UploadProgress[] = [];
    await client.upload(content, "a/b", { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).to.include({ phase: "done", committed: true, durableBytes: content.length, etaMs: 0 });
    expect(seen.slice(0, -1).some((progress) => progress.committed)).to.equal(false);
    expect(new Set(seen.map((progress) => progress.phase)))
      .to.include("sending")
      .and.include("committing");
  });

  describe("when the stream is cut", () => {
    for (const act of ["reset", "disconnect"] as const) {
      it(`continues a file from the durable offset after a ${act}`, async () => {
        server.scripts.push({ act, afterBytes: 3 * PART_BYTES }, { act, afterBytes: 2 * PART_BYTES });
        await client.upload(await writeContent(), "a/b", { retry });
        expect(stored().equals(content)).to.equal(true);
        expect(server.starts.map((start) => start.target.case)).to.deep.equal(["create", "upload", "upload"]);
        expect(server.uploads).to.have.length(1);
      });
    }

    it("repeats the same request when it was cut before the first answer", async () => {
      server.scripts.push({ act: "reset" });
      await client.upload(content, "a/b", { retry });
      expect(server.uploads).to.have.length(1);
      expect(stored().equals(content)).to.equal(true);
    });

    it("continues an iterable from what it keeps", async () => {
      server.scripts.push({ act: "disconnect", afterBytes: 3 * PART_BYTES + 1 });
      await client.upload(piecesOf(content, 1000), "a/b", { retry });
      expect(stored().equals(content)).to.equal(true);
    });

    it("waits at least as long as the service asks", async () => {
      const act = serviceError(Code.Unavailable, "SHUTTING_DOWN", { retryAfterMs: 2000 });
      server.scripts.push({ act, afterBytes: 1 });
      const bounds = { ...retry, timeMaxMs: 1999 };
      const error = await rejection(client.upload(content, "a/b", { retry: bounds }));
      expect(error.message).to.contain("gave up after 1 try");
    });

    it("gives up after as many failures in a row as it may have", async () => {
      server.scripts.push(...Array(20).fill({ act: "reset", afterBytes: 1 }));
      const error = await rejection(client.upload(content.subarray(0, 1000), "a/b", { retry }));
      expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
      expect(server.starts).to.have.length(5);
    });

    it("does not count failures between which bytes became durable", async () => {
      server.scripts.push(...Array(8).fill({ act: "reset", afterBytes: PART_BYTES }));
      await client.upload(content, "a/b", { retry: { ...retry, triesMax: 2 } });
      expect(stored().equals(content)).to.equal(true);
    });
  });

  describe("when the service refuses", () => {
    it("throws its error with reason and details at once, though chunks are still being written", async () => {
      const details = { size_bytes: "7", size_bytes_max: "5" };
      server.scripts.push({
        act: serviceError(Code.InvalidArgument, "SIZE_LIMIT", { metadata: details }),
        afterBytes: 1,
      });
      const error = await rejection(client.upload(patternBytes(2 ** 22), "a/b", { retry }));
      expect(error).to.include({
        name: "SluiceError",
        code: "invalid_argument",
        reason: "SIZE_LIMIT",
        message: "scripted SIZE_LIMIT",
      });
      expect(error.details).to.deep.equal(details);
      expect(server.starts).to.have.length(1);
    });

    it("leaves the upload to a later writer", async () => {
      server.scripts.push({ act: serviceError(Code.Aborted, "WRITER_FENCED"), afterBytes: 1 });
      expect(await rejection(client.upload(content, "a/b", { retry }))).to.include({ reason: "WRITER_FENCED" });
      expect(server.starts).to.have.length(1);
    });

    it("reads an error that comes as headers only, in UTF-8", async () => {
      const stranger = createSluiceClient({ url: server.url, token: "wrong" });
      const error = await rejection(stranger.upload(content, "a/b"));
      expect(error).to.include({
        code: "unauthenticated",
        reason: "TOKEN_INVALID",
        message: "the token is not known – résumé",
      });
      stranger.close();
    });

    it("says that nothing answers where nothing does", async () => {
      await server.close();
      const error = await rejection(client.upload(content, "a/b", { retry }));
      expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
      expect(error.message).to.contain("ECONNREFUSED");
    });
  });

  describe("when the caller aborts", () => {
    it("rejects with the signal's reason while a silent source is read", async () => {
      const controller = new AbortController();
      const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
      const uploading = client.upload(silent, "a/b", {
        signal: controller.signal,
        onProgress: ({ phase }) => phase === "sending" && controller.abort(new Error("enough")),
      });
      expect((await rejection(uploading)).message).to.equal("enough");
    });

    it("rejects before it connects when the signal is aborted already", async () => {
      const error = await rejection(client.upload(content, "a/b", { signal: AbortSignal.abort(new Error("no")) }));
      expect(error.message).to.equal("no");
    });

    it("rejects while it waits to try again", async () => {
      server.scripts.push({ act: serviceError(Code.Unavailable, "OVERLOADED", { retryAfterMs: 900 }), afterBytes: 1 });
      const controller = new AbortController();
      const uploading = client.upload(content, "a/b", {
        signal: controller.signal,
        onProgress: ({ failures }) => failures > 0 && setImmediate(() => controller.abort(new Error("enough"))),
      });
      expect((await rejection(uploading)).message).to.equal("enough");
    });
  });

  describe("when an earlier upload is continued", () => {
    const cutOff = async (bytes: Buffer) => {
      server.scripts.push({ act: serviceError(Code.Internal, "INTERNAL"), afterBytes: 4 * PART_BYTES });
      const uploadIds: string[] = [];
      const onUploadId = (uploadId: string) => void uploadIds.push(uploadId);
      await rejection(client.upload(bytes, "a/b", { onUploadId }));
      return uploadIds[0];
    };

    it("verifies what is durable and sends the rest", async () => {
      const resumeUploadId = await cutOff(content);
      server.chunks.length = 0;
      const phases = new Set<string>();
      await client.upload(await writeContent(), "a/b", {
        resumeUploadId,
        onProgress: ({ phase }) => phases.add(phase),
      });
      expect(server.chunks[0]?.offset).to.equal(4 * PART_BYTES);
      expect(phases.has("verifying")).to.equal(true);
      expect(stored().equals(content)).to.equal(true);
    });

    it("begins anew when the source holds other bytes", async () => {
      const resumeUploadId = await cutOff(Buffer.alloc(content.length));
      await client.upload(content, "a/b", { resumeUploadId });
      expect(stored(1).equals(content)).to.equal(true);
    });

    it("begins anew when the source is shorter than what is durable", async () => {
      const resumeUploadId = await cutOff(content);
      await client.upload(content.subarray(0, 100), "a/b", { resumeUploadId });
      expect(stored(1)).to.have.length(100);
    });

    it("begins anew when the upload is gone", async () => {
      await client.upload(content, "a/b", { resumeUploadId: "upload-unknown" });
      expect(stored().equals(content)).to.equal(true);
    });

    it("returns the file when the upload was committed", async () => {
      await client.upload(content, "a/b");
      const committed = await client.upload(content, "a/b", { resumeUploadId: "upload-1" });
      expect(committed.receipt?.sizeBytes).to.equal(BigInt(content.length));
      expect(server.uploads).to.have.length(1);
    });
  });

  describe("when the source is not what it was", () => {
    it("refuses a file that is changed while it is uploaded", async () => {
      const path = await writeContent();
      const uploading = client.upload(path, "a/b", { onUploadId: () => utimes(path, 1, 1) });
      expect(await rejection(uploading)).to.include({ code: "aborted", reason: "SOURCE_CHANGED" });
      expect(server.uploads[0]?.committed).to.equal(false);
    });

    it("refuses a file that is cut short while it is uploaded", async () => {
      const path = await writeContent();
      const uploading = client.upload(path, "a/b", { onUploadId: () => writeFile(path, "short") });
      expect(await rejection(uploading)).to.include({ reason: "SOURCE_CHANGED" });
    });

    it("refuses to go on when the durable bytes are not its own", async () => {
      server.scripts.push({ act: "reset", afterBytes: 2 * PART_BYTES });
      const uploading = client.upload(content, "a/b", {
        retry,
        onProgress: ({ failures }) => failures > 0 && server.uploads[0]?.durable[0]?.fill(0),
      });
      expect(await rejection(uploading)).to.include({ reason: "SOURCE_CHANGED" });
    });

    it("refuses what is no file", async () => {
      expect(await rejection(client.upload(join(directory, "none"), "a"))).to.include({ reason: "SOURCE_UNREADABLE" });
      expect((await rejection(client.upload(directory, "a"))).message).to.contain("is a directory");
    });
  });
});
