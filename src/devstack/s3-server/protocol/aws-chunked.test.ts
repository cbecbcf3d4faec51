import { expect } from "chai";
import { awsChunked } from "../test-rig.ts";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { S3Error } from "./s3-error.ts";

describe("AwsChunkedDecoder", () => {
  const first = Buffer.alloc(9000, "a");
  const second = Buffer.alloc(100, "b");
  const body = awsChunked([first, second], "AAAAAA==");

  for (const pieceBytes of [1, 2, 7, 4096, body.length]) {
    it(`decodes a body that arrives ${pieceBytes} bytes at a time`, () => {
      const decoder = new AwsChunkedDecoder();
      const payload: Buffer[] = [];
      for (let at = 0; at < body.length; at += pieceBytes) {
        decoder.push(body.subarray(at, at + pieceBytes), (slice) => payload.push(Buffer.from(slice)));
      }
      expect(decoder.finished).to.equal(true);
      expect(Buffer.concat(payload).equals(Buffer.concat([first, second]))).to.equal(true);
      expect(decoder.trailers.get("x-amz-checksum-crc32")).to.equal("AAAAAA==");
    });
  }

  it("hands a piece inside a chunk on as it is, without copying", () => {
    const decoder = new AwsChunkedDecoder();
    const seen: Buffer[] = [];
    decoder.push(Buffer.from("100000\r\n"), () => expect.fail("no payload yet"));
    decoder.push(first, (slice) => seen.push(slice));
    expect(seen[0]).to.equal(first);
  });

  it("takes a body of no chunks and no trailers", () => {
    const decoder = new AwsChunkedDecoder();
    decoder.push(Buffer.from("0\r\n\r\n"), () => expect.fail("no payload"));
    expect(decoder.finished).to.equal(true);
    expect(decoder.trailers.size).to.equal(0);
  });

  const wrong: [string, string | Buffer, string][] = [
    ["a size that is not hexadecimal", "xyz\r\n", "IncompleteBody"],
    ["a size without end", "1".repeat(9000), "IncompleteBody"],
    ["a line that ends in a bare line feed", "10\n", "IncompleteBody"],
    ["a lone line feed", "\n", "IncompleteBody"],
    ["a chunk longer than it says", "3\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"],
    ["a trailer without a name", "0\r\n:value\r\n\r\n", "IncompleteBody"],
    ["bytes after the end", "0\r\n\r\nmore", "IncompleteBody"],
    ["a short chunk before another", "3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n", "InvalidChunkSizeError"],
  ];
  for (const [what, bytes, code] of wrong) {
    it(`refuses ${what}`, () => {
      const decoder = new AwsChunkedDecoder();
      expect(() => decoder.push(Buffer.from(bytes), () => undefined))
        .to.throw(S3Error)
        .with.property("code", code);
    });
  }

  it("is not finished when the body stops early", () => {
    const decoder = new AwsChunkedDecoder();
    decoder.push(body.subarray(0, body.length - 3), () => undefined);
    expect(decoder.finished).to.equal(false);
  });
});
