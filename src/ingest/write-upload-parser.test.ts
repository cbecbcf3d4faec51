import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { WriteUploadRequestSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { encodeFrame } from "../client/uploads/grpc-frames.ts";
import { encodeRequest } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { type ParserEvents, WriteUploadParser } from "./write-upload-parser.ts";

const MESSAGE_MAX_BYTES = 10_000;

/** What a stream said, the data of a chunk joined. */
type Seen = (string | { offset: number; crc32: number | undefined; lengthBytes: number; data: string })[];

/** Notes what the parser says. `take` decides how many bytes are taken, `isMessageTaken` whether a message may go on. */
class Notes implements ParserEvents {
  readonly seen: Seen = [];
  readonly pieces: Uint8Array[] = [];
  readonly #take: (bytes: Uint8Array) => number;
  readonly #goesOn: () => boolean;

  constructor(options: { take?: (bytes: Uint8Array) => number; goesOn?: () => boolean } = {}) {
    this.#take = options.take ?? ((bytes) => bytes.length);
    this.#goesOn = options.goesOn ?? (() => true);
  }

  onMessage: ParserEvents["onMessage"] = ({ message }) => {
    this.seen.push(`${message.case}`);
    return this.#goesOn();
  };

  onChunk: ParserEvents["onChunk"] = ({ offset, crc32, lengthBytes }) => {
    const taken: Buffer[] = [];
    return {
      write: (bytes) => {
        const takenBytes = this.#take(bytes);
        this.pieces.push(bytes);
        taken.push(Buffer.from(bytes.subarray(0, takenBytes)));
        return takenBytes;
      },
      endChunk: () => this.seen.push({ offset, crc32, lengthBytes, data: Buffer.concat(taken).toString("hex") }),
    };
  };
}

function parse(pieces: Iterable<Uint8Array>, options: ConstructorParameters<typeof Notes>[0] = {}): Seen {
  const notes = new Notes(options);
  const parser = new WriteUploadParser(notes, { messageMaxBytes: MESSAGE_MAX_BYTES });
  for (const piece of pieces) {
    let isRead = parser.feed(piece);
    while (!isRead && parser.isBlocked) isRead = parser.resume();
  }
  expect(parser.isMidMessage, "the stream ends with a message").to.equal(false);
  return notes.seen;
}

function chunk(offset: number, data: Uint8Array, crc32?: number): Buffer {
  return encodeRequest({ chunk: { offset: BigInt(offset), data, ...(crc32 !== undefined && { crc32 }) } });
}

function expected(offset: number, data: Uint8Array, crc32?: number): Seen[number] {
  return { offset, crc32, lengthBytes: data.length, data: Buffer.from(data).toString("hex") };
}

/** A WriteUploadRequest with a chunk whose fields are written as given. */
function chunkOf(...fields: readonly (readonly number[])[]): Buffer {
  const body = fields.flat();
  return encodeFrame(Uint8Array.from([0x12, ...varint(body.length), ...body]));
}

function varint(value: number, lengthMin = 1): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80 || bytes.length + 1 < lengthMin) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

const offsetField = (offset: number, lengthMin = 1) => [0x08, ...varint(offset, lengthMin)];
const crcField = [0x15, 1, 2, 3, 4];
const dataField = (data: Uint8Array) => [0x1a, ...varint(data.length), ...data];
const unknownField = [0x7a, 3, 9, 9, 9];

describe("WriteUploadParser", () => {
  const long = seededBytes(300);
  const start = encodeRequest({
    start: { target: { case: "upload", value: { namespace: "default", uploadId: "u" } } },
  });
  const finish = encodeRequest({ finish: { sizeBytes: 5n } });
  /** Every kind of message, and what is to be seen of it. */
  const messages: [Buffer, Seen[number]][] = [
    [start, "start"],
    [chunk(0, long), expected(0, long)],
    [chunk(300, long, 0xdeadbeef), expected(300, long, 0xdeadbeef)],
    [chunk(600, new Uint8Array()), expected(600, new Uint8Array())],
    [chunk(0, new Uint8Array()), expected(0, new Uint8Array())],
    [chunk(600, long.subarray(0, 1), 7), expected(600, long.subarray(0, 1), 7)],
    [chunk(600, long.subarray(0, 20), 7), expected(600, long.subarray(0, 20), 7)],
    [chunk(2 ** 40, long, 7), expected(2 ** 40, long, 7)],
    [chunk(-5, long), expected(-5, long)],
    [chunkOf(dataField(long), offsetField(9), crcField), expected(9, long, 0x04030201)],
    [chunkOf(crcField, offsetField(9), dataField(long)), expected(9, long, 0x04030201)],
    [chunkOf(offsetField(9), unknownField, dataField(long)), expected(9, long)],
    [chunkOf(offsetField(9), dataField(long), unknownField), expected(9, long)],
    [chunkOf(offsetField(9, 8), dataField(long)), expected(9, long)],
    [chunkOf(offsetField(9, 10), dataField(long)), expected(9, long)],
    [chunkOf(offsetField(1), dataField(long), offsetField(9)), expected(9, long)],
    [chunkOf(dataField(long.subarray(0, 200)), dataField(long)), expected(0, long)],
    [encodeFrame(Uint8Array.from([...chunk(9, long).subarray(5), ...unknownField])), expected(9, long)],
    [encodeFrame(new Uint8Array()), "undefined"],
    [encodeFrame(Uint8Array.from(unknownField)), "undefined"],
    [finish, "finish"],
  ];
  const stream = Buffer.concat(messages.map(([bytes]) => bytes));
  const whole = messages.map(([, seen]) => seen);

  it("reads every kind of message from one piece", () => {
    expect(parse([stream])).to.deep.equal(whole);
  });

  it("sees the same wherever the stream is cut in two", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const seen = parse([stream.subarray(0, cut), stream.subarray(cut)]);
      expect(seen, `cut at ${cut}`).to.deep.equal(whole);
    }
  });

  it("sees the same byte by byte, and in pieces of any size", () => {
    expect(parse(Array.from(stream, (byte) => Uint8Array.of(byte)))).to.deep.equal(whole);
    for (let seed = 1; seed <= 200; seed++) expect(parse(split(stream, seed)), `seed ${seed}`).to.deep.equal(whole);
  });

  it("sees the same whatever is held back", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededBytes(10_000, seed);
      let at = 0;
      const next = () => random[at++ % random.length] as number;
      const take = (bytes: Uint8Array) => (next() < 100 ? next() % (bytes.length + 1) : bytes.length);
      const seen = parse(split(stream, seed), { take, goesOn: () => next() < 128 });
      expect(seen, `seed ${seed}`).to.deep.equal(whole);
    }
  });

  it("hands the bytes of a chunk on in the buffers they came in", () => {
    const notes = new Notes();
    const parser = new WriteUploadParser(notes, { messageMaxBytes: MESSAGE_MAX_BYTES });
    const frame = Buffer.from(new Uint8Array(chunk(0, long, 7)).buffer);
    parser.feed(frame);
    expect(notes.pieces.map(({ buffer }) => buffer)).to.deep.equal([frame.buffer]);
  });

  it("keeps what is fed while it waits", () => {
    let isOpen = false;
    const notes = new Notes({ goesOn: () => isOpen });
    const parser = new WriteUploadParser(notes, { messageMaxBytes: MESSAGE_MAX_BYTES });
    expect(parser.feed(Buffer.concat([start, finish]))).to.equal(false);
    expect(parser.feed(chunk(0, long))).to.equal(false);
    expect(notes.seen).to.deep.equal(["start"]);
    isOpen = true;
    expect(parser.resume()).to.equal(true);
    expect(notes.seen).to.deep.equal(["start", "finish", expected(0, long)]);
  });

  it("says whether the stream ended in a message", () => {
    const frame = chunk(0, long);
    for (const cut of [1, 4, 5, 20, 40, frame.length - 1]) {
      const parser = new WriteUploadParser(new Notes(), { messageMaxBytes: MESSAGE_MAX_BYTES });
      parser.feed(frame.subarray(0, cut));
      expect(parser.isMidMessage, `after ${cut} bytes`).to.equal(true);
      parser.feed(frame.subarray(cut));
      expect(parser.isMidMessage).to.equal(false);
    }
  });

  describe("refuses", () => {
    const refuse = async (bytes: Uint8Array) => {
      const notes = new Notes();
      const parser = new WriteUploadParser(notes, { messageMaxBytes: MESSAGE_MAX_BYTES });
      const error = await catchError(() => parser.feed(bytes));
      expect(parser.feed(chunk(0, long)), "nothing more is read").to.equal(false);
      expect(parser.resume()).to.equal(false);
      expect(notes.seen).to.deep.equal([]);
      return error;
    };
    it("a message over the limit, before its bytes", async () => {
      const frame = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
      expect(await refuse(frame)).to.deep.include({ reason: "MESSAGE_TOO_LARGE", code: "resource_exhausted" });
      expect(await refuse(chunk(0, seededBytes(MESSAGE_MAX_BYTES)))).to.deep.include({ reason: "MESSAGE_TOO_LARGE" });
    });
    it("flags, naming the compressed one", async () => {
      expect(await refuse(Buffer.from([1, 0, 0, 0, 0])))
        .to.have.property("message")
        .that.includes("compressed");
      expect(await refuse(Buffer.from([2, 0, 0, 0, 0])))
        .to.have.property("message")
        .that.includes("flags 2");
    });
    it("garbage of any length", async () => {
      for (let seed = 1; seed < 200; seed++) {
        const bytes = seededBytes(1 + ((seed * 7) % 400), seed);
        bytes[0] = 0x07; // a wire type that protobuf has not
        expect(await refuse(encodeFrame(bytes)), `seed ${seed}`).to.include({ reason: "MESSAGE_MALFORMED" });
      }
    });
    it("never anything but by its own errors, whatever comes", async () => {
      for (let seed = 1; seed < 500; seed++) {
        const bytes = Buffer.concat([chunk(0, long), finish]);
        for (const place of seededBytes(3, seed)) bytes[(place * 7) % bytes.length] = seed & 0xff;
        const parser = new WriteUploadParser(new Notes(), { messageMaxBytes: MESSAGE_MAX_BYTES });
        const error = await catchError(() => parser.feed(bytes));
        if (error !== undefined) expect(error, `seed ${seed}`).to.have.property("name", "DomainError");
      }
    });
  });

  it("reads what protobuf itself writes of a whole start", () => {
    const request = create(WriteUploadRequestSchema, {
      message: {
        case: "start",
        value: { target: { case: "create", value: { path: "a/b", metadata: { k: "v".repeat(5000) } } } },
      },
    });
    expect(parse([encodeFrame(toBinary(WriteUploadRequestSchema, request))])).to.deep.equal(["start"]);
  });
});

/** Cuts bytes into pieces of 1 to 64 bytes. */
function* split(bytes: Buffer, seed: number): Generator<Uint8Array> {
  const sizes = seededBytes(bytes.length, seed);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = 1 + ((sizes[i] as number) % 64);
    // A copy: pieces that the wire cuts do not adjoin in memory.
    yield i % 3 === 0 ? bytes.subarray(at, at + size) : Uint8Array.from(bytes.subarray(at, at + size));
    at += size;
  }
}
