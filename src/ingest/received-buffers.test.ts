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

  it("keeps bytes that did not come from the stream", () => {
    const received = new ReceivedBuffers();
    const copy = new Uint8Array(100);
    received.release([copy]);
    expect(copy).to.have.length(100);
  });
});
