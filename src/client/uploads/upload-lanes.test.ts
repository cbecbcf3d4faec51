import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect } from "chai";
import { type ScriptedServer, serviceError, startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { createSluiceClient, type SluiceClient } from "../client.ts";
import type { SluiceError } from "../sluice-error.ts";
import { LANES_FROM_BYTES } from "./lane-plan.ts";
import type { UploadProgress } from "./upload-progress.ts";

const PART_BYTES = 64 * 1024;
const retry = { delayBaseMs: 1, delayMaxMs: 2, triesMax: 5 };

const rejection = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => Promise.reject(new Error("it resolved")),
    (error) => error,
  );

describe("upload by lanes", () => {
  let server: ScriptedServer;
  let client: SluiceClient;
  let directory: string;
  const content = seededBytes(15 * PART_BYTES + 777);
  const begins = [0, 4, 8, 12].map((parts) => parts * PART_BYTES);

  beforeEach(async () => {
    server = await startScriptedServer({ partSizeBytes: PART_BYTES });
    client = createSluiceClient({ url: server.url, token: "secret" });
    directory = await mkdtemp(join(tmpdir(), "sluice-lanes-"));
  });

  afterEach(async () => {
    client.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const stored = (at = 0) => Buffer.concat(server.uploads[at]?.durable ?? []);
  const writeContent = async () => {
    const path = join(directory, "source.bin");
    await writeFile(path, content);
    return path;
  };
  /** Offsets at which lanes were begun, ascending; the stream that commits has none. */
  const lanesBegun = () =>
    server.starts
      .filter(({ lane }) => lane !== undefined)
      .map(({ lane }) => Number(lane?.offset))
      .sort((a, b) => a - b);

  it("sends a file over a connection a lane, and commits it by one more stream", async () => {
    const { receipt } = await client.upload(await writeContent(), "a/b", { lanes: 4 });
    expect(receipt?.sizeBytes).to.equal(BigInt(content.length));
    expect(stored().equals(content)).to.equal(true);
    expect(lanesBegun()).to.deep.equal(begins);
    expect(server.starts).to.have.length(5);
    expect(server.starts.at(-1)?.lane).to.equal(undefined);
    expect(server.connections).to.equal(5);
    expect(server.chunks, "nothing is sent twice").to.have.length(16);
  });

  it("uses lanes by itself for a large source, and one stream for a smaller one", async () => {
    await client.upload(content, "a/b");
    expect(server.starts).to.have.length(1);
    const controller = new AbortController();
    const uploading = client.upload(Buffer.alloc(LANES_FROM_BYTES), "a/b", {
      signal: controller.signal,
      onProgress: () => lanesBegun().length === 4 && controller.abort(new Error("seen")),
    });
    expect((await rejection(uploading)).message).to.equal("seen");
  });

  it("sends an iterable, or what fits into a part, by one stream", async () => {
    async function* once() {
      yield content;
    }
    await client.upload(once(), "a/b", { lanes: 4 });
    await client.upload(content.subarray(0, 10), "a/b", { lanes: 4 });
    expect(lanesBegun()).to.deep.equal([]);
    expect([stored(0).length, stored(1).length]).to.deep.equal([content.length, 10]);
  });

  it("tells the sum of the lanes, and the upload's id before any byte", async () => {
    const seen: UploadProgress[] = [];
    const uploadIds: string[] = [];
    await client.upload(content, "a/b", {
      lanes: 4,
      onProgress: (progress) => seen.push(progress),
      onUploadId: (uploadId) => void uploadIds.push(`${uploadId} ${server.chunks.length}`),
    });
    expect(uploadIds).to.deep.equal(["upload-1 0"]);
    const durable = seen.map(({ durableBytes }) => durableBytes);
    expect(durable).to.deep.equal(durable.toSorted((a, b) => a - b));
    expect(durable).to.include(content.length);
    expect(seen.at(-1)).to.include({ phase: "done", committed: true, totalBytes: content.length });
  });

  for (const act of ["reset", "disconnect"] as const) {
    it(`continues one lane from its own durable offset after a ${act}, beside the others`, async () => {
      const lane = begins[2] as number;
      server.scripts.push({ lane, act, afterBytes: 2 * PART_BYTES });
      await client.upload(await writeContent(), "a/b", { lanes: 4, retry });
      expect(stored().equals(content)).to.equal(true);
      expect(lanesBegun()).to.deep.equal([...begins, lane].sort((a, b) => a - b));
      const offsets = server.chunks.map(({ offset }) => offset);
      expect(new Set(offsets).size).to.be.at.least(offsets.length - 1);
    });
  }

  it("waits in one lane as long as the service asks, while others go on", async () => {
    const lane = begins[1] as number;
    const askFor = (retryAfterMs: number) =>
      server.scripts.push({ lane, act: serviceError(Code.ResourceExhausted, "OVERLOADED", { retryAfterMs }) });
    askFor(60);
    await client.upload(content, "a/b", { lanes: 4, retry });
    expect(stored().equals(content)).to.equal(true);
    askFor(2000);
    const bounds = { ...retry, timeMaxMs: 1999 };
    const error = await rejection(client.upload(content, "a/c", { lanes: 4, retry: bounds }));
    expect(error.message).to.contain("gave up after 1 try");
  });

  it("does not count failures of a lane between which it made bytes durable", async () => {
    const lane = begins[3] as number;
    server.scripts.push(...Array(3).fill({ lane, act: "reset", afterBytes: PART_BYTES }));
    await client.upload(content, "a/b", { lanes: 4, retry: { ...retry, triesMax: 2 } });
    expect(stored().equals(content)).to.equal(true);
  });

  it("gives up with the sentence of the lane that cannot go on, and ends the others", async () => {
    for (const lane of begins.slice(1)) server.scripts.push({ lane, act: "silence", afterBytes: PART_BYTES });
    server.scripts.push(...Array(9).fill({ lane: 0, act: "reset" }));
    const failures: number[] = [];
    const uploading = client.upload(content, "a/b", {
      lanes: 4,
      retry,
      onProgress: (progress) => failures.push(progress.failures),
    });
    const error = await rejection(uploading);
    expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
    expect(Math.max(...failures)).to.be.at.least(4);
    expect(server.uploads[0]?.committed).to.equal(false);
  });

  for (const [code, reason] of [
    [Code.Aborted, "WRITER_FENCED"],
    [Code.FailedPrecondition, "UPLOAD_NOT_OPEN"],
  ] as const) {
    it(`ends all lanes as soon as one ends with ${reason}`, async () => {
      for (const lane of begins.slice(1)) server.scripts.push({ lane, act: "silence", afterBytes: PART_BYTES });
      server.scripts.push({ lane: 0, act: serviceError(code, reason), afterBytes: PART_BYTES });
      const error = await rejection(client.upload(content, "a/b", { lanes: 4, retry }));
      expect(error).to.include({ reason, message: `scripted ${reason}` });
      expect(server.starts).to.have.length(4);
    });
  }

  it("throws why the upload could not be created", async () => {
    const stranger = createSluiceClient({ url: server.url, token: "wrong" });
    await rejection(stranger.upload(content, "a/b", { lanes: 17 })).then((error) =>
      expect(error).to.include({ reason: "LANES_INVALID" }),
    );
    const error = await rejection(stranger.upload(content, "a/b", { lanes: 4 }));
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
    stranger.close();
  });

  it("rejects with the signal's reason when the caller aborts", async () => {
    for (const lane of begins) server.scripts.push({ lane, act: "silence", afterBytes: PART_BYTES });
    const controller = new AbortController();
    const uploading = client.upload(content, "a/b", {
      lanes: 4,
      signal: controller.signal,
      onProgress: ({ durableBytes }) => durableBytes > 0 && controller.abort(new Error("enough")),
    });
    expect((await rejection(uploading)).message).to.equal("enough");
  });

  it("ends with its client", async () => {
    for (const lane of begins) server.scripts.push({ lane, act: "silence", afterBytes: PART_BYTES });
    const uploading = client.upload(content, "a/b", {
      lanes: 4,
      retry: { triesMax: 1 },
      onProgress: ({ durableBytes }) => durableBytes > 0 && client.close(),
    });
    expect(await rejection(uploading)).to.include({ reason: "CONNECTION_LOST" });
  });

  it("refuses a file that is changed while it is uploaded", async () => {
    const path = await writeContent();
    const uploading = client.upload(path, "a/b", { lanes: 4, onUploadId: () => utimes(path, 1, 1) });
    expect(await rejection(uploading)).to.include({ code: "aborted", reason: "SOURCE_CHANGED" });
    expect(server.uploads[0]?.committed).to.equal(false);
  });

  it("refuses to go on when a lane's durable bytes are not the source's", async () => {
    const lane = begins[1] as number;
    server.scripts.push({ lane, act: "reset", afterBytes: PART_BYTES });
    // Damages the part in whichever of the two lists it is by then.
    const damage = () => {
      const upload = server.uploads[0];
      (upload?.beyond.get(lane) ?? upload?.durable[lane / PART_BYTES])?.fill(0);
    };
    const uploading = client.upload(content, "a/b", {
      lanes: 4,
      retry,
      onProgress: ({ failures }) => failures > 0 && damage(),
    });
    expect(await rejection(uploading)).to.include({ reason: "SOURCE_CHANGED" });
  });

  describe("when an earlier upload is continued", () => {
    /** Ends with some parts of each lane durable. */
    const cutOff = async (bytes: Buffer) => {
      for (const lane of begins.slice(1)) server.scripts.push({ lane, act: "silence", afterBytes: 2 * PART_BYTES });
      server.scripts.push({ lane: 0, act: "silence", afterBytes: PART_BYTES });
      const controller = new AbortController();
      const uploadIds: string[] = [];
      const uploading = client.upload(bytes, "a/b", {
        lanes: 4,
        signal: controller.signal,
        onUploadId: (uploadId) => void uploadIds.push(uploadId),
        onProgress: ({ durableBytes }) => durableBytes === 7 * PART_BYTES && controller.abort(new Error("cut")),
      });
      expect((await rejection(uploading)).message).to.equal("cut");
      server.chunks.length = 0;
      server.starts.length = 0;
      return uploadIds[0];
    };

    it("compares what is durable and sends the gaps only, with as many lanes as it is told", async () => {
      const resumeUploadId = await cutOff(content);
      const phases = new Set<string>();
      await client.upload(await writeContent(), "a/b", {
        resumeUploadId,
        lanes: 2,
        onProgress: ({ phase }) => phases.add(phase),
      });
      expect(stored().equals(content)).to.equal(true);
      expect(phases.has("verifying")).to.equal(true);
      expect(server.chunks, "parts that were missing").to.have.length(16 - 7);
      expect(lanesBegun()).to.deep.equal(begins);
    });

    it("continues by one stream what lanes began", async () => {
      const resumeUploadId = await cutOff(content);
      await client.upload(content, "a/b", { resumeUploadId });
      expect(stored().equals(content)).to.equal(true);
      expect(server.uploads).to.have.length(1);
    });

    it("begins anew when the source holds other bytes, or the upload is gone", async () => {
      const resumeUploadId = await cutOff(Buffer.alloc(content.length));
      await client.upload(content, "a/b", { resumeUploadId, lanes: 4 });
      expect(stored(1).equals(content)).to.equal(true);
      await client.upload(content, "a/b", { resumeUploadId: "upload-unknown", lanes: 4 });
      expect(stored(2).equals(content)).to.equal(true);
    });

    it("returns the file when the upload was committed", async () => {
      await client.upload(content, "a/b", { lanes: 4 });
      const { receipt } = await client.upload(content, "a/b", { resumeUploadId: "upload-1", lanes: 4 });
      expect(receipt?.sizeBytes).to.equal(BigInt(content.length));
      expect(server.uploads).to.have.length(1);
    });

    it("returns the file when somebody else commits it meanwhile", async () => {
      const resumeUploadId = await cutOff(content);
      const uploading = client.upload(content, "a/b", {
        resumeUploadId,
        lanes: 4,
        onUploadId: () => {
          throw new Error("the id is known");
        },
        onProgress: ({ durableBytes }) => {
          const upload = server.uploads[0];
          if (durableBytes === 0 || upload === undefined || upload.committed) return;
          Object.assign(upload, { durable: [content], committed: true });
        },
      });
      expect((await uploading).receipt?.sizeBytes).to.equal(BigInt(content.length));
    });
  });
});
