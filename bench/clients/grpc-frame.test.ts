import { expect } from "chai";
import { frameBefore, messagesOf } from "./grpc-frame.ts";

describe("frameBefore", () => {
  it("announces head and data as one uncompressed message", () => {
    const data = Buffer.from("data");
    const frame = frameBefore(Buffer.from("head"), data);
    expect(frame.subarray(0, 5)).to.deep.equal(Buffer.from([0, 0, 0, 0, 8]));
    expect([...messagesOf(Buffer.concat([frame, data]))].map(String)).to.deep.equal(["headdata"]);
  });
});

describe("messagesOf", () => {
  it("takes a body of several messages apart, empty ones included", () => {
    const none = Buffer.alloc(0);
    const body = Buffer.concat(["one", "", "three"].map((text) => frameBefore(Buffer.from(text), none)));
    expect([...messagesOf(body)].map(String)).to.deep.equal(["one", "", "three"]);
  });
});
