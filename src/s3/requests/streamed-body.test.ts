import type { ClientRequest } from "node:http";
import { Writable } from "node:stream";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { type BodyLayout, fromBase64Crc32, StreamedBody, toBase64Crc32 } from "./streamed-body.ts";

/** Takes the place of the HTTP request: what matters is what is written to it, and in how many goes. */
class RequestSink extends Writable {
  goes = 0;
  text = "";

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    this.goes++;
    this.text += chunks.map(({ chunk }) => chunk.toString("latin1")).join("");
    callback();
  }

  asRequest(): ClientRequest {
    return this as unknown as ClientRequest;
  }
}

const bodyOf = (lengthBytes: number, layout: Partial<BodyLayout> = {}, crc?: number) => {
  let activity = 0;
  const left: number[] = [];
  const onActivity = () => void activity++;
  const body = new StreamedBody(lengthBytes, {
    layout: { form: "trailer", chunkBytes: 0, corkBytes: 0, ...layout },
    crc32: crc,
    onActivity,
    onLeft: (leftBytes) => left.push(leftBytes),
  });
  return { body, activity: () => activity, left };
};

describe("StreamedBody", () => {
  for (const { pieces, chunkBytes, expected } of [
    { pieces: [], chunkBytes: 0, expected: "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n" },
    { pieces: ["hello"], chunkBytes: 0, expected: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n" },
    { pieces: ["he", "", "llo"], chunkBytes: 0, expected: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n" },
    {
      pieces: ["he", "llo"],
      chunkBytes: 2,
      expected: "2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
    },
    {
      pieces: ["h", "ello!"],
      chunkBytes: 3,
      expected: `3\r\nhel\r\n3\r\nlo!\r\n0\r\nx-amz-checksum-crc32:${toBase64Crc32(crc32("hello!"))}\r\n\r\n`,
    },
  ]) {
    it(`frames ${JSON.stringify(pieces)} in chunks of ${chunkBytes || "any size"}`, () => {
      const whole = pieces.join("");
      const { body } = bodyOf(whole.length, { chunkBytes });
      const sink = new RequestSink();
      body.attach(sink.asRequest());
      for (const piece of pieces) body.write(Buffer.from(piece));
      body.end(crc32(whole));
      expect(sink.text).to.equal(expected);
      expect(body.encodedLengthBytes).to.equal(expected.length);
      expect(sink.writableEnded).to.equal(true);
    });
  }

  it("sends plain bytes when the checksum is in the header", () => {
    const { body } = bodyOf(5, { form: "header" }, crc32("hello"));
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    body.write(Buffer.from("hello"));
    body.end(crc32("hello"));
    expect(sink.text).to.equal("hello");
    expect(body.toHeaders()).to.deep.equal({
      "content-length": "5",
      "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
      "x-amz-checksum-crc32": "NhCmhg==",
    });
  });

  it("says its decoded and encoded lengths", () => {
    const { body } = bodyOf(100_000, { chunkBytes: 65_536 });
    expect(body.toHeaders()).to.include({
      "x-amz-decoded-content-length": "100000",
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "content-length": String(100_000 + "10000\r\n\r\n".length + "86a0\r\n\r\n".length + 36),
    });
  });

  it("gathers bytes until there are enough for one go", () => {
    const { body, activity } = bodyOf(12, { form: "header", corkBytes: 8 }, 1);
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    for (const piece of ["abc", "def", "ghi"]) body.write(Buffer.from(piece));
    expect([sink.text, sink.goes]).to.deep.equal(["abcdefghi", 1]);
    body.write(Buffer.from("jkl"));
    expect(sink.text).to.equal("abcdefghi");
    body.end(1);
    expect([sink.text, sink.goes]).to.deep.equal(["abcdefghijkl", 2]);
    expect(activity()).to.be.at.least(2);
  });

  it("keeps what is written before there is a request, and whether it was the end", () => {
    const { body } = bodyOf(5);
    body.write(Buffer.from("hello"));
    body.end(crc32("hello"));
    expect(body.isSent).to.equal(false);
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    expect(sink.text).to.contain("hello");
    expect(sink.writableEnded).to.equal(true);
    expect(body.isSent).to.equal(true);
  });

  it("writes nothing more once it is detached", () => {
    const { body, activity } = bodyOf(5);
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    body.write(Buffer.from("he"));
    const before = activity();
    body.detach();
    body.write(Buffer.from("llo"));
    body.end(1);
    expect(sink.text).to.equal("5\r\nhe");
    expect(sink.writableEnded).to.equal(false);
    expect(activity()).to.equal(before);
  });

  it("tells of bytes when they leave, unless it is detached by then", () => {
    const { body, activity } = bodyOf(4, { form: "header" }, 1);
    const left: (() => void)[] = [];
    const slow = new Writable({
      writev: (_, callback) => void left.push(callback),
      write: (_a, _b, cb) => void left.push(cb),
    });
    body.attach(slow as unknown as ClientRequest);
    body.write(Buffer.from("ab"));
    expect(activity()).to.equal(1);
    left.shift()?.();
    return new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      expect(activity()).to.equal(2);
      body.write(Buffer.from("cd"));
      body.detach();
      left.shift()?.();
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(activity()).to.equal(3);
    });
  });

  it("hands on what is gathered when it is told to, and says how much of the file has left", async () => {
    const { body, left } = bodyOf(9, { corkBytes: 8 });
    expect(body.flush(), "nothing is there").to.equal(false);
    body.write(Buffer.from("abc"));
    expect(body.flush(), "no request is there").to.equal(false);
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([sink.text, left]).to.deep.equal(["9\r\nabc", [3]]);
    body.write(Buffer.from("de"));
    expect([body.flush(), body.flush()]).to.deep.equal([true, false]);
    body.write(Buffer.from("fghi"));
    body.end(1);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(left).to.deep.equal([3, 5, 9]);
  });

  it("ends once", () => {
    const { body } = bodyOf(1);
    const sink = new RequestSink();
    body.attach(sink.asRequest());
    body.write(Buffer.from("x"));
    body.end(crc32("x"));
    body.end(0);
    expect(sink.text.match(/checksum/g)).to.have.lengthOf(1);
  });
});

describe("a CRC32 in base64", () => {
  it("is four bytes, most significant first", () => {
    expect(toBase64Crc32(0x3610_a686)).to.equal("NhCmhg==");
    expect(toBase64Crc32(-1)).to.equal("/////w==");
    expect(fromBase64Crc32("NhCmhg==")).to.equal(0x3610_a686);
    expect(fromBase64Crc32("/////w==")).to.equal(0xffff_ffff);
  });

  it("is nothing else", () => {
    for (const text of [undefined, "", "NhCmhg==-3", "NhCmhg", "NhCmhgAAAA=="]) {
      expect(fromBase64Crc32(text)).to.equal(undefined);
    }
  });
});
