import { expect } from "chai";
import { encodeRequest } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { ReceivedBuffers } from "./received-buffers.ts";
import { WriteUploadParser } from "./write-upload-parser.ts";

const HEADER = 9;

describe("ReceivedBuffers", () => {
  /** A buffer of frames with payloads of these lengths; returns their views. */
  const receive = (received: ReceivedBuffers, ...payloads: number[]) => {
    const buffer = new ArrayBuffer(payloads.reduce((sum, bytes) => sum + HEADER + bytes, 0));
    let at = 0;
    const views = payloads.map((bytes) => {
      const view = new Uint8Array(buffer, at + HEADER, bytes);
      at += HEADER + bytes;
      received.note(view);
      return view;
    });
    return { buffer, views };
  };

  it("gives a buffer back once all of it was released together", () => {
    const received = new ReceivedBuffers();
    const one = receive(received, 100, 200);
    const two = receive(received, 300);
    received.release([...one.views, ...two.views]);
    expect([one.buffer.detached, two.buffer.detached]).to.deep.equal([true, true]);
  });

  it("keeps a buffer that holds anything foreign, a single byte too", () => {
    const received = new ReceivedBuffers();
    const { buffer, views } = receive(received, 100, 1, 200);
    received.release([views[0] as Uint8Array, views[2] as Uint8Array]);
    expect(buffer.detached).to.equal(false);
    expect(views[1]).to.have.length(1);
  });

  it("keeps a buffer of which a part is released later", () => {
    const received = new ReceivedBuffers();
    const { buffer, views } = receive(received, 100, 200);
    received.release(views.slice(0, 1));
    received.release(views.slice(1));
    expect(buffer.detached).to.equal(false);
  });

  it("keeps a buffer whose last bytes belong to a part that is not done, however few they are", () => {
    for (let restBytes = 1; restBytes <= 2 * HEADER; restBytes++) {
      const received = new ReceivedBuffers();
      // The first frame began in the buffer before, and has no header in this one.
      const buffer = new ArrayBuffer(100 + HEADER + 200);
      const views = [new Uint8Array(buffer, 0, 100), new Uint8Array(buffer, 100 + HEADER, 200)] as const;
      for (const view of views) received.note(view);
      received.release([views[0], views[1].subarray(0, 200 - restBytes)]);
      expect(buffer.detached, `${restBytes} bytes are left`).to.equal(false);
    }
  });

  it("counts adjoining pieces for one frame, which has one header", () => {
    const received = new ReceivedBuffers();
    const buffer = new ArrayBuffer(100 + HEADER + 5 + HEADER + 200);
    const own = [new Uint8Array(buffer, 0, 100), new Uint8Array(buffer, 100 + 5 + 2 * HEADER, 200)] as const;
    for (const view of own) received.note(view);
    received.release([own[0], own[1].subarray(0, 50), own[1].subarray(50)]);
    expect(buffer.detached, "5 bytes are another stream's").to.equal(false);
  });

  it("gives a buffer back that is all one stream's body, without frames", () => {
    const received = new ReceivedBuffers();
    const whole = new Uint8Array(100);
    received.note(whole);
    received.release([whole.subarray(0, 60), whole.subarray(60)]);
    expect(whole.buffer.detached).to.equal(true);
  });

  it("keeps bytes that did not come from the stream", () => {
    const received = new ReceivedBuffers();
    const copy = new Uint8Array(100);
    received.release([copy]);
    expect(copy).to.have.length(100);
  });

  it("gives a buffer back though message headers stand in it", () => {
    const received = new ReceivedBuffers();
    // [frame: 100 bytes, a header of 20, 80 bytes] [frame: a header of 30, 50 bytes]
    const buffer = new ArrayBuffer(HEADER + 200 + HEADER + 80);
    for (const [at, bytes] of [
      [HEADER, 200],
      [HEADER + 200 + HEADER, 80],
    ] as const) {
      received.note(new Uint8Array(buffer, at, bytes));
    }
    const view = (at: number, bytes: number) => new Uint8Array(buffer, at, bytes);
    received.noteHeader(view(HEADER + 100, 20));
    received.noteHeader(view(HEADER + 200 + HEADER, 30));
    received.noteHeader(new Uint8Array(30));
    received.release([view(HEADER, 100), view(HEADER + 120, 80), view(2 * HEADER + 230, 50)]);
    expect(buffer.detached).to.equal(true);
  });

  it("keeps a buffer with a header in it and one foreign byte", () => {
    const received = new ReceivedBuffers();
    // The foreign byte continues a frame of the buffer before; behind it: [frame: 100 bytes, a header of 20, 80 bytes].
    const buffer = new ArrayBuffer(1 + HEADER + 200);
    const view = (at: number, bytes: number) => new Uint8Array(buffer, 1 + HEADER + at, bytes);
    received.note(view(0, 200));
    received.noteHeader(view(100, 20));
    received.release([view(0, 100), view(120, 80)]);
    expect(buffer.detached, "two runs of bytes, but one frame").to.equal(false);
  });

  it("never gives back what somebody needs, however frames and messages fall", () => {
    const random = createRandom(11);
    let [givenBack, buffersRead] = [0, 0];
    for (let run = 0; run < 60; run++) {
      const messages = Array.from({ length: 30 }, (_, index) =>
        encodeRequest({
          chunk: { offset: BigInt(index * 1000), crc32: 7, data: seededBytes(1 + random(6000), index + 1) },
        }),
      );
      const wire = cutIntoBuffers(Buffer.concat(messages), random);
      const received = new ReceivedBuffers();
      /** Data that was handed on and not released. */
      let held: { bytes: Uint8Array; copy: Buffer }[] = [];
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
      const onHeader = (header: Uint8Array) => received.noteHeader(header);
      const parser = new WriteUploadParser(events, { messageMaxBytes: 10_000, onHeader });
      for (const { own } of wire) {
        for (const bytes of own) {
          received.note(bytes);
          parser.feed(bytes);
          if (random(8) > 0) continue;
          const count = random(held.length + 1);
          received.release(held.slice(0, count).map((one) => one.bytes));
          held = held.slice(count);
          for (const { bytes: kept, copy } of held) expect(copy.equals(kept), `run ${run}`).to.equal(true);
        }
      }
      received.release(held.map(({ bytes }) => bytes));
      for (const { buffer, foreign } of wire) {
        buffersRead++;
        if (buffer.detached) givenBack++;
        expect(buffer.detached && foreign, `run ${run}`).to.equal(false);
      }
    }
    expect(givenBack / buffersRead, "share of buffers that were given back").to.be.greaterThan(0.2);
  });
});

/** Whole numbers from 0 to below the bound; the minimal standard generator. */
function createRandom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % bound;
  };
}

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
