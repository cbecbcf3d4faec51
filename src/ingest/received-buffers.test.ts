import { expect } from "chai";
import { ReceivedBuffers } from "./received-buffers.ts";

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
});
