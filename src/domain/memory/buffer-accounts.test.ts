import { expect } from "chai";
import { WriteUploadParser } from "../../ingest/write-upload-parser.ts";
import { encodeRequest } from "../../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { FrameBytes, giveBack, noteCopied, noteWhole, setFreeing } from "./buffer-accounts.ts";

const HEADER = 9;

describe("FrameBytes", () => {
  /** A buffer of these many bytes, of which one stream gets views at these places; returns what it took of it. */
  const receive = (frames: FrameBytes, sizeBytes: number, ...places: (readonly [at: number, bytes: number])[]) => {
    const buffer = new ArrayBuffer(sizeBytes);
    const views = places.map(([at, bytes]) => new Uint8Array(buffer, at, bytes));
    for (const view of views) frames.note(view);
    return { buffer, views, giveBack: () => views.forEach(giveBack) };
  };
  /** The stream goes on in a later buffer. */
  const goOn = (frames: FrameBytes) => receive(frames, 100, [0, 100]);

  it("gives a buffer back once all of it has come back, in any order and in pieces", () => {
    const frames = new FrameBytes();
    const { buffer, views } = receive(frames, 318, [HEADER, 100], [109 + HEADER, 200]);
    const [first, second] = views as [Uint8Array, Uint8Array];
    for (const piece of [second.subarray(150), first, second.subarray(0, 150)]) {
      expect(buffer.detached).to.equal(false);
      giveBack(piece);
    }
    expect(buffer.detached).to.equal(true);
  });

  for (const [what, sizeBytes, places] of [
    ["all of it", 100, [[0, 100]]],
    ["the rest of a frame header, and data", 105, [[5, 100]]],
    [
      "the rest of a frame, and another frame",
      309,
      [
        [0, 100],
        [109, 200],
      ],
    ],
  ] as const) {
    it(`gives a buffer back that holds ${what}`, () => {
      const one = receive(new FrameBytes(), sizeBytes, ...places);
      one.giveBack();
      expect(one.buffer.detached).to.equal(true);
    });
  }

  for (const [what, sizeBytes, places] of [
    ["one foreign byte before, which ends a frame of the buffer before", 110, [[10, 100]]],
    [
      "one foreign byte between",
      228,
      [
        [HEADER, 100],
        [128, 100],
      ],
    ],
    ["one foreign byte behind", 119, [[HEADER, 100]]],
    [
      "a ping between",
      235,
      [
        [HEADER, 100],
        [135, 100],
      ],
    ],
  ] as const) {
    it(`keeps a buffer with ${what}`, () => {
      const frames = new FrameBytes();
      const one = receive(frames, sizeBytes, ...places);
      one.giveBack();
      goOn(frames);
      expect(one.buffer.detached).to.equal(false);
    });
  }

  it("keeps a buffer with a frame header behind the last bytes until Node has read beyond it", () => {
    for (let restBytes = 1; restBytes <= HEADER; restBytes++) {
      const frames = new FrameBytes();
      // The frame began in the buffer before, and has no header in this one, whose room could hide the rest.
      const one = receive(frames, 100 + restBytes, [0, 100]);
      one.giveBack();
      expect(one.buffer.detached, `Node may still read ${restBytes} bytes`).to.equal(false);
      goOn(frames);
      expect(one.buffer.detached).to.equal(true);
    }
  });

  it("keeps a buffer that two streams have bytes of, though their frames look like one's", () => {
    const buffer = new ArrayBuffer(100);
    const views = [new Uint8Array(buffer, 0, 50), new Uint8Array(buffer, 50, 50)] as const;
    for (const view of views) new FrameBytes().note(view);
    for (const view of views) giveBack(view);
    expect(buffer.detached).to.equal(false);
  });

  it("keeps a buffer of which bytes were given back twice, for others may be out", () => {
    const { buffer, views } = receive(new FrameBytes(), 218, [HEADER, 100], [118, 100]);
    const [first, second] = views as [Uint8Array, Uint8Array];
    giveBack(first);
    giveBack(second.subarray(0, 60));
    giveBack(first);
    giveBack(second.subarray(60));
    expect(buffer.detached).to.equal(false);
  });

  it("never gives back what somebody needs, however frames and messages fall", () => {
    const random = createSeededRandom(11);
    const below = (bound: number) => Math.floor(random() * bound);
    let [givenBack, buffersRead] = [0, 0];
    for (let run = 0; run < 60; run++) {
      const messages = Array.from({ length: 30 }, (_, index) =>
        encodeRequest({
          chunk: { offset: BigInt(index * 1000), crc32: 7, data: seededBytes(1 + below(6000), index + 1) },
        }),
      );
      const wire = cutIntoBuffers(Buffer.concat(messages), below);
      const frames = new FrameBytes();
      /** Data that was handed on and not given back. */
      const held: { bytes: Uint8Array; copy: Buffer }[] = [];
      const events = {
        onMessage: () => true,
        onChunk: () => ({
          write: (bytes: Uint8Array) => {
            held.push({ bytes, copy: Buffer.from(bytes) });
            return bytes.length;
          },
          endChunk: () => {},
        }),
      };
      const parser = new WriteUploadParser(events, { messageMaxBytes: 10_000, onHeader: giveBack });
      for (const { own } of wire) {
        for (const bytes of own) {
          frames.note(bytes);
          parser.feed(bytes);
          if (below(8) > 0) continue;
          for (let count = below(held.length + 1); count > 0; count--) {
            for (const { bytes: gone } of held.splice(below(held.length), 1)) giveBack(gone);
          }
          for (const { bytes: kept, copy } of held) expect(copy.equals(kept), `run ${run}`).to.equal(true);
        }
      }
      for (const { bytes } of held) giveBack(bytes);
      for (const { buffer, foreign } of wire) {
        buffersRead++;
        if (buffer.detached) givenBack++;
        expect(buffer.detached && foreign, `run ${run}`).to.equal(false);
      }
    }
    expect(givenBack / buffersRead, "share of buffers that were given back").to.be.greaterThan(0.2);
  });
});

describe("noteWhole", () => {
  it("gives a buffer back that is all one piece of a body, and no slice of another", () => {
    const whole = new Uint8Array(100);
    const slice = new Uint8Array(new ArrayBuffer(101), 1);
    for (const bytes of [whole, slice]) {
      noteWhole(bytes);
      giveBack(bytes.subarray(0, 60));
      giveBack(bytes.subarray(60));
    }
    expect([whole, slice].map(({ buffer }) => buffer.detached)).to.deep.equal([true, false]);
  });

  it("leaves to the collector what was not noted, and what Node protects", () => {
    const copy = new Uint8Array(100);
    const pooled = Buffer.allocUnsafe(100);
    const pool = Buffer.from(pooled.buffer);
    noteWhole(pool);
    for (const bytes of [copy, pool]) giveBack(bytes);
    expect([copy.length, pooled.length]).to.deep.equal([100, 100]);
  });

  it("leaves everything to the collector while nothing may be given back", () => {
    const before = setFreeing(false);
    const whole = new Uint8Array(100);
    noteWhole(whole);
    giveBack(whole);
    setFreeing(before);
    expect(whole).to.have.length(100);
  });
});

describe("noteCopied", () => {
  const read = (buffer: ArrayBuffer, at: number, bytes: number) => new Uint8Array(buffer, at, bytes);

  it("gives the buffer of a plain socket's read back, filled or not", () => {
    const buffer = new ArrayBuffer(100);
    noteCopied(read(buffer, 0, 90), { isShared: false });
    expect(buffer.detached).to.equal(true);
  });

  it("gives a buffer that sockets share back once all of it has come", () => {
    const buffer = new ArrayBuffer(100);
    for (const at of [0, 50]) {
      expect(buffer.detached).to.equal(false);
      noteCopied(read(buffer, at, 50), { isShared: true });
    }
    expect(buffer.detached).to.equal(true);
  });

  for (const [what, places] of [
    ["a beginning that another socket got", [[10, 90]]],
    [
      "a piece between that another socket got",
      [
        [0, 40],
        [50, 50],
      ],
    ],
    [
      "a piece that is told twice",
      [
        [0, 50],
        [0, 50],
        [50, 50],
      ],
    ],
    ["an end that has not come", [[0, 90]]],
  ] as const) {
    it(`keeps a shared buffer with ${what}`, () => {
      const buffer = new ArrayBuffer(100);
      for (const [at, bytes] of places) noteCopied(read(buffer, at, bytes), { isShared: true });
      expect(buffer.detached).to.equal(false);
    });
  }
});

/** A stream's bytes as node:http2 hands them out: in frames, a few of other streams between them, read into buffers of any size. */
function cutIntoBuffers(bytes: Buffer, random: (bound: number) => number) {
  /** Every byte of the connection: its own stream's, another's, or a frame header's. */
  const kinds: { own: number | undefined; isForeign: boolean }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const isForeign = random(6) === 0;
    const length = isForeign ? 1 + random(3) : Math.min(1 + random(2000), bytes.length - at);
    for (let i = 0; i < HEADER; i++) kinds.push({ own: undefined, isForeign: false });
    for (let i = 0; i < length; i++) kinds.push({ own: isForeign ? undefined : at++, isForeign });
  }
  const wire: { buffer: ArrayBuffer; own: Uint8Array[]; foreign: boolean }[] = [];
  for (let at = 0; at < kinds.length; ) {
    const part = kinds.slice(at, at + 500 + random(4000));
    at += part.length;
    const buffer = new ArrayBuffer(part.length);
    const all = new Uint8Array(buffer);
    const own: Uint8Array[] = [];
    for (let i = 0; i < part.length; ) {
      let end = i;
      for (let one = part[end]; one?.own !== undefined; one = part[++end]) all[end] = bytes[one.own] as number;
      if (end > i) own.push(all.subarray(i, end));
      i = Math.max(end, i + 1);
    }
    wire.push({ buffer, own, foreign: part.some(({ isForeign }) => isForeign) });
  }
  return wire;
}
