import { Readable } from "node:stream";
import { expect } from "chai";
import { catchError } from "../testing/samples/sample-records.ts";
import { gatherChunks, readBatches } from "./gather-chunks.ts";

async function gather(sizes: number[], chunkBytes: number): Promise<Buffer[]> {
  let next = 0;
  async function* buffers() {
    for (const size of sizes) yield [Buffer.from(Array.from({ length: size }, () => next++ % 251))];
  }
  const chunks: Buffer[] = [];
  for await (const { pieces, sizeBytes } of gatherChunks(buffers(), chunkBytes)) {
    const chunk = Buffer.concat(pieces);
    expect(chunk.length).to.equal(sizeBytes);
    chunks.push(chunk);
  }
  return chunks;
}

describe("gatherChunks", () => {
  for (const [sizes, expected] of [
    [[], []],
    [[0], []],
    [[10], [10]],
    [[9], [9]],
    [[11], [10, 1]],
    [[4, 6], [10]],
    [
      [4, 7],
      [10, 1],
    ],
    [
      [1, 0, 35, 4],
      [10, 10, 10, 10],
    ],
    [
      [3, 3, 3, 3, 3],
      [10, 5],
    ],
  ] as const) {
    it(`makes chunks of ${JSON.stringify(expected)} from buffers of ${JSON.stringify(sizes)}, in order`, async () => {
      const chunks = await gather([...sizes], 10);
      expect(chunks.map((chunk) => chunk.length)).to.deep.equal(expected);
      const total = sizes.reduce<number>((sum, size) => sum + size, 0);
      expect([...Buffer.concat(chunks)]).to.deep.equal(Array.from({ length: total }, (_, index) => index % 251));
    });
  }
});

describe("readBatches", () => {
  const sizesOf = (batch: readonly Uint8Array[]) => batch.map(({ length }) => length);

  it("yields what has come once that is enough, in the buffers it came in, and the rest at the end", async () => {
    const buffers = [3, 4, 9, 2, 1].map((size) => Buffer.alloc(size, size));
    const batches: (readonly Uint8Array[])[] = [];
    for await (const batch of readBatches(Readable.from(buffers), 7)) batches.push(batch);
    expect(batches.map(sizesOf)).to.deep.equal([[3, 4], [9], [2, 1]]);
    expect(batches.flat().every((bytes, index) => bytes === buffers[index])).to.equal(true);
  });

  it("yields what came before an error, then throws it", async () => {
    const broken = new Error("broken");
    const stream = new Readable({ read: () => {} });
    const batches = readBatches(stream, 100);
    stream.push(Buffer.alloc(5));
    const first = batches.next();
    await new Promise(setImmediate);
    stream.destroy(broken);
    expect(sizesOf((await first).value ?? [])).to.deep.equal([5]);
    expect(await catchError(() => batches.next())).to.equal(broken);
  });

  it("lets the stream wait while two batches do, and closes it when nobody reads on", async () => {
    let pushed = 0;
    const stream = new Readable({
      highWaterMark: 1,
      read() {
        pushed += 1;
        this.push(Buffer.alloc(10));
      },
    });
    const batches = readBatches(stream, 10);
    await batches.next();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(pushed).to.be.within(2, 4);
    await batches.return();
    expect(stream.destroyed).to.equal(true);
  });
});
