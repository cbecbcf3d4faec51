import { once } from "node:events";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import { WorkLimiter } from "../domain/limits/work-limiter.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import {
  catchError,
  SAMPLE_BYTES,
  SAMPLE_CALLER,
  sampleFile,
  sampleNamespaces,
} from "../testing/samples/sample-records.ts";
import { READ_CHUNK_MAX_BYTES, READ_RETRIES, type ReadFileEvent, type ReadFileRequest, readFile } from "./read-file.ts";

type ReadOptions = Parameters<ObjectStore["read"]>[2];

const SIZE = SAMPLE_BYTES.byteLength;
const REQUEST: ReadFileRequest = { namespace: "default", path: "a", offset: 0 };

/** The sample's bytes as S3 would send them, `pieceBytes` at a time. */
function send(options: ReadOptions, bytes = SAMPLE_BYTES, pieceBytes = 7): Readable {
  const { offset, sizeBytes } = options.range ?? { offset: 0, sizeBytes: bytes.byteLength };
  const range = bytes.subarray(offset, offset + sizeBytes);
  const pieces = Array.from({ length: Math.ceil(range.length / pieceBytes) }, (_, index) =>
    range.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  return Readable.from(pieces, { objectMode: true });
}

/** Sends some bytes, then breaks like a connection. */
function sendThenBreak(options: ReadOptions, goodBytes: number): Readable {
  return Readable.from(
    (async function* () {
      const offset = options.range?.offset ?? 0;
      if (goodBytes > 0) yield SAMPLE_BYTES.subarray(offset, offset + goodBytes);
      throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    })(),
  );
}

function reading(
  read: (options: ReadOptions, attempt: number) => Readable | Promise<Readable>,
  file: File = sampleFile(),
) {
  const ranges: unknown[] = [];
  const deps = {
    files: { get: async () => file },
    objects: {
      read: async (_bucket: string, _key: string, options: ReadOptions) => {
        ranges.push(options.range);
        return await read(options, ranges.length);
      },
    },
    namespaces: sampleNamespaces(),
    retries: { attemptsMax: 3, delayMs: () => 0 },
    readers: new WorkLimiter("reads of files", { runningMax: 2, waitingMax: 0 }),
  };
  return { deps, ranges };
}

async function readAll(deps: Parameters<typeof readFile>[0], request: Partial<ReadFileRequest> = {}) {
  const events: ReadFileEvent[] = [];
  const error = await catchError(async () => {
    for await (const event of readFile(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER })) events.push(event);
  });
  const chunks = events.filter((event) => event.kind === "chunk");
  return { events, chunks, error, text: Buffer.concat(chunks.flatMap((chunk) => chunk.bytes.pieces)).toString() };
}

type Reading = ReturnType<typeof readFile>;

describe("readFile", () => {
  it("sends the header, then the bytes with their CRC32", async () => {
    const { deps } = reading((options) => send(options));
    const { events, chunks, error, text } = await readAll(deps);
    expect([error, text]).to.deep.equal([undefined, SAMPLE_BYTES.toString()]);
    expect(events).to.deep.equal([
      { kind: "header", file: sampleFile(), offset: 0, sizeBytes: SIZE },
      { ...(chunks[0] as object), kind: "chunk", offset: 0, crc32: crc32(SAMPLE_BYTES), sizeBytes: SIZE },
      { kind: "end", crc32: crc32(SAMPLE_BYTES), sizeBytes: SIZE },
    ]);
  });

  it("sends chunks of at most 256 KiB, without gap", async () => {
    const bytes = Buffer.alloc(READ_CHUNK_MAX_BYTES * 2 + 5, "abc");
    const file = sampleFile({ sizeBytes: bytes.length, crc32: crc32(bytes) });
    const { deps } = reading((options) => send(options, bytes, 65_537), file);
    const { chunks, text } = await readAll(deps);
    expect(chunks.map((chunk) => chunk.offset)).to.deep.equal([0, READ_CHUNK_MAX_BYTES, READ_CHUNK_MAX_BYTES * 2]);
    expect(chunks.every((chunk) => chunk.crc32 === crc32(Buffer.concat(chunk.bytes.pieces)))).to.equal(true);
    expect(text).to.equal(bytes.toString());
  });

  it("sends header and end alone for an empty file, without asking S3", async () => {
    const { deps, ranges } = reading((options) => send(options), sampleFile({ sizeBytes: 0, crc32: 0 }));
    const { events, error } = await readAll(deps);
    expect([events.map(({ kind }) => kind), ranges, error]).to.deep.equal([["header", "end"], [], undefined]);
  });

  describe("ranges", () => {
    const whole = SAMPLE_BYTES.toString();
    for (const [request, expected] of [
      [{ offset: 4, limitBytes: 5 }, whole.slice(4, 9)],
      [{ offset: 40 }, whole.slice(40)],
      [{ offset: 40, limitBytes: 1000 }, whole.slice(40)],
      [{ offset: -3 }, whole.slice(-3)],
      [{ offset: -3, limitBytes: 1 }, whole.slice(-3, -2)],
      [{ offset: -1000 }, whole],
      [{ offset: SIZE }, ""],
      [{ offset: 2, limitBytes: 0 }, ""],
    ] as const) {
      it(`reads ${JSON.stringify(request)} of ${SIZE} bytes as "${expected}"`, async () => {
        const { deps } = reading((options) => send(options));
        const { text, error, events } = await readAll(deps, request);
        expect([text, error]).to.deep.equal([expected, undefined]);
        expect(events[0]).to.include({ kind: "header", sizeBytes: expected.length });
        const end = { kind: "end", crc32: crc32(expected), sizeBytes: expected.length };
        expect(events.at(-1)).to.deep.equal(end);
      });
    }

    for (const [request, field] of [
      [{ offset: SIZE + 1 }, "offset"],
      [{ limitBytes: -1 }, "limit_bytes"],
    ] as const) {
      it(`refuses ${JSON.stringify(request)} of ${SIZE} bytes`, async () => {
        const { deps } = reading((options) => send(options));
        const { error, events } = await readAll(deps, request);
        expect(error).to.include({ code: "invalid_argument", reason: "RANGE_INVALID", field });
        expect(events).to.deep.equal([]);
      });
    }
  });

  it("does not read a deleted file", async () => {
    const { deps, ranges } = reading((options) => send(options), sampleFile({ deleteTime: new Date(0) }));
    const { error } = await readAll(deps, { generation: 3 });
    expect(error).to.include({ code: "not_found", reason: "FILE_NOT_FOUND" });
    expect(ranges).to.deep.equal([]);
  });

  it("says data_loss after the last chunk when the whole file has another CRC32", async () => {
    const { deps } = reading((options) => send(options), sampleFile({ crc32: 1 }));
    const { error, text, events } = await readAll(deps);
    expect(text).to.equal(SAMPLE_BYTES.toString());
    expect(error).to.include({ code: "data_loss", reason: "CHECKSUM_MISMATCH" });
    expect(events.at(-1), "an end would say that all is well").to.include({ kind: "chunk" });
    expect((await readAll(deps, { offset: 1 })).error, "a range cannot be compared").to.equal(undefined);
  });

  it("says data_loss when S3 holds more bytes than were committed", async () => {
    const { deps } = reading(() => send({}, Buffer.concat([SAMPLE_BYTES, SAMPLE_BYTES]), 1000));
    expect((await readAll(deps)).error).to.include({ code: "data_loss", reason: "SIZE_MISMATCH" });
  });

  describe("when S3 cuts the stream", () => {
    it("goes on where it stopped", async () => {
      const { deps, ranges } = reading((options, attempt) =>
        attempt < 3 ? sendThenBreak(options, 10) : send(options),
      );
      const { text, error } = await readAll(deps);
      expect([text, error]).to.deep.equal([SAMPLE_BYTES.toString(), undefined]);
      expect(ranges).to.deep.equal([0, 10, 20].map((offset) => ({ offset, sizeBytes: SIZE - offset })));
    });

    it("takes an early end for a cut", async () => {
      const { deps } = reading((options, attempt) =>
        attempt === 1 ? Readable.from([SAMPLE_BYTES.subarray(0, 3)]) : send(options),
      );
      expect(await readAll(deps)).to.include({ text: SAMPLE_BYTES.toString(), error: undefined });
    });

    it("counts only failures in a row without a byte of progress", async () => {
      const { deps } = reading((options) => sendThenBreak(options, Math.min(1, options.range?.sizeBytes ?? 0)));
      const { text, error } = await readAll(deps);
      expect(text).to.equal(SAMPLE_BYTES.toString());
      // The last stream broke after its last byte, which costs nothing any more.
      expect(error).to.equal(undefined);
    });

    it("gives up after a bounded number of attempts, with no word of the vendor's", async () => {
      const { deps, ranges } = reading((options) => sendThenBreak(options, 0));
      const { error } = await readAll(deps);
      expect(ranges).to.have.length(3);
      expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
      expect(error).to.have.property("message").that.does.not.contain("socket");
      expect(error).to.have.property("cause").that.is.instanceOf(Error);
    });

    it("gives up when the store stays unavailable, with its error", async () => {
      const unavailable = new DomainError("unavailable", "storage is down", { reason: "STORAGE_UNAVAILABLE" });
      const { deps, ranges } = reading(() => Promise.reject(unavailable));
      expect((await readAll(deps)).error).to.equal(unavailable);
      expect(ranges).to.have.length(3);
    });

    it("does not try again when the object is gone", async () => {
      const gone = new DomainError("data_loss", "the bytes are gone", { reason: "FILE_NOT_FOUND" });
      const { deps, ranges } = reading(() => Promise.reject(gone));
      expect((await readAll(deps)).error).to.equal(gone);
      expect(ranges).to.have.length(1);
    });

    it("waits a random time below a bound that doubles", () => {
      for (const attempt of [1, 2, 3, 4]) expect(READ_RETRIES.delayMs(attempt)).to.be.within(0, 100 * 2 ** attempt);
    });
  });

  describe("when the caller leaves", () => {
    const reason = new Error("the caller is gone");

    function silentStream(): Readable {
      return new Readable({ read: () => {} });
    }

    it("closes a silent stream and ends with the signal's reason", async () => {
      const stream = silentStream();
      const { deps } = reading(() => stream);
      const abort = new AbortController();
      const events = readFile(deps, REQUEST, { caller: SAMPLE_CALLER, signal: abort.signal });
      await events.next();
      const next = catchError(() => events.next());
      abort.abort(reason);
      expect(await next).to.equal(reason);
      if (!stream.closed) await once(stream, "close");
    });

    it("does not wait for the next attempt", async () => {
      const { deps } = reading((options) => sendThenBreak(options, 0));
      const abort = new AbortController();
      const delayMs = () => {
        setImmediate(() => abort.abort(reason));
        return 60_000;
      };
      const slow = { ...deps, retries: { attemptsMax: 3, delayMs } };
      const events = readFile(slow, REQUEST, { caller: SAMPLE_CALLER, signal: abort.signal });
      await events.next();
      expect(await catchError(() => events.next())).to.equal(reason);
    });

    it("closes the stream when the consumer stops reading", async () => {
      const bytes = Buffer.alloc(READ_CHUNK_MAX_BYTES * 3);
      const big = Readable.from([bytes.subarray(0, READ_CHUNK_MAX_BYTES), bytes.subarray(READ_CHUNK_MAX_BYTES)]);
      const { deps } = reading(() => big, sampleFile({ sizeBytes: bytes.length }));
      for await (const event of readFile(deps, REQUEST, { caller: SAMPLE_CALLER })) {
        if (event.kind === "chunk") break;
      }
      expect(big.destroyed).to.equal(true);
    });
  });

  it("reads no more of S3 than the consumer asks for", async () => {
    let sent = 0;
    const source = Readable.from(
      (async function* () {
        for (; sent < 100; sent += 1) yield Buffer.alloc(READ_CHUNK_MAX_BYTES);
      })(),
      { highWaterMark: 1 },
    );
    const { deps } = reading(() => source, sampleFile({ sizeBytes: 100 * READ_CHUNK_MAX_BYTES }));
    const events = readFile(deps, REQUEST, { caller: SAMPLE_CALLER });
    await events.next();
    await events.next();
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(sent).to.be.below(5);
    await events.return();
  });

  it("is refused while too many read, and leaves its place however it ends", async () => {
    const { deps } = reading((options) => send(options));
    const options = { caller: SAMPLE_CALLER };
    const [a, b, c] = [1, 2, 3].map(() => readFile(deps, REQUEST, options)) as [Reading, Reading, Reading];
    for (const one of [a, b]) expect((await one.next()).value).to.have.property("kind", "header");
    expect(await catchError(() => c.next())).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    expect(deps.readers.running).to.equal(2);
    await a.return();
    expect(deps.readers.running, "whoever goes away leaves").to.equal(1);
    expect((await readAll(deps)).text, "another reads to the end").to.equal(SAMPLE_BYTES.toString());
    expect(await catchError(() => b.throw(new Error("the caller failed")))).to.have.property(
      "message",
      "the caller failed",
    );
    expect(deps.readers.running).to.equal(0);
  });
});
