import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { catchError } from "../testing/samples/sample-records.ts";
import { createSeededRandom } from "../testing/samples/seeded-random.ts";
import { type Chunk, ChunkGatherer, readChunks } from "./gather-chunks.ts";

describe("ChunkGatherer", () => {
  function gather(sizes: readonly number[], chunkBytes: number): Buffer[] {
    const gatherer = new ChunkGatherer(chunkBytes);
    let next = 0;
    for (const size of sizes) gatherer.push(Buffer.from(Array.from({ length: size }, () => next++ % 251)));
    return [...gatherer.take(), ...gatherer.end()].map(({ bytes, sizeBytes, crc32: sum }) => {
      const chunk = Buffer.concat(bytes.pieces);
      expect([sizeBytes, sum]).to.deep.equal([chunk.length, crc32(chunk)]);
      return chunk;
    });
  }

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
    it(`makes chunks of ${JSON.stringify(expected)} from buffers of ${JSON.stringify(sizes)}, in order`, () => {
      const chunks = gather(sizes, 10);
      expect(chunks.map((chunk) => chunk.length)).to.deep.equal(expected);
      const total = sizes.reduce<number>((sum, size) => sum + size, 0);
      expect([...Buffer.concat(chunks)]).to.deep.equal(Array.from({ length: total }, (_, index) => index % 251));
    });
  }

  describe("giving bytes back", () => {
    /** A buffer with memory of its own, of which `head` bytes before the bytes are another's. */
    const own = (size: number, head = 0) => new Uint8Array(new ArrayBuffer(head + size), head);
    const isFreed = ({ buffer }: Uint8Array) => (buffer as ArrayBuffer).detached;

    it("frees buffers once all chunks with bytes of theirs are released, and none before", () => {
      const gatherer = new ChunkGatherer(10);
      const buffers = [own(6), own(6), own(3), own(5)];
      for (const buffer of buffers) gatherer.push(buffer);
      const [first, second] = gatherer.take() as [Chunk, Chunk];
      first.bytes.giveBack();
      expect(buffers.map(isFreed)).to.deep.equal([true, false, false, false]);
      second.bytes.giveBack();
      expect(buffers.map(isFreed)).to.deep.equal([true, true, true, true]);
    });

    it("keeps a buffer that holds the bytes of others, before or behind", () => {
      const gatherer = new ChunkGatherer(10);
      const buffers = [own(6, 1), new Uint8Array(new ArrayBuffer(5), 0, 4)];
      for (const buffer of buffers) gatherer.push(buffer);
      for (const chunk of gatherer.take()) chunk.bytes.giveBack();
      expect(buffers.map(isFreed)).to.deep.equal([false, false]);
    });

    it("frees nothing that a chunk still needs, however buffers fall", () => {
      const random = createSeededRandom(7);
      const below = (max: number) => Math.floor(random() * max);
      for (let round = 0; round < 40; round++) {
        const gatherer = new ChunkGatherer(1 + below(40));
        const chunks: Chunk[] = [];
        for (let i = 0; i < 50; i++) {
          gatherer.push(own(below(60), below(5) === 0 ? 3 : 0));
          chunks.push(...gatherer.take());
          while (chunks.length > 3) {
            for (const { bytes, sizeBytes } of chunks) expect(Buffer.concat(bytes.pieces).length).to.equal(sizeBytes);
            chunks.shift()?.bytes.giveBack();
          }
        }
      }
    });
  });
});

describe("readChunks", () => {
  const sizesOf = (chunks: readonly Chunk[]) => chunks.map(({ sizeBytes }) => sizeBytes);

  it("yields whole chunks, and leaves the rest with the gatherer", async () => {
    const gatherer = new ChunkGatherer(7);
    const stream = Readable.from([3, 4, 9, 2, 1].map((size) => Buffer.alloc(size, size)));
    const chunks: Chunk[] = [];
    for await (const ready of readChunks(stream, gatherer)) chunks.push(...ready);
    expect([sizesOf(chunks), gatherer.receivedBytes]).to.deep.equal([[7, 7], 19]);
    expect(sizesOf(gatherer.end())).to.deep.equal([5]);
  });

  it("yields what came before an error, then throws it", async () => {
    const broken = new Error("broken");
    const stream = new Readable({ read: () => {} });
    const gatherer = new ChunkGatherer(5);
    const reading = readChunks(stream, gatherer);
    stream.push(Buffer.alloc(8));
    expect(sizesOf((await reading.next()).value ?? [])).to.deep.equal([5]);
    stream.destroy(broken);
    expect(await catchError(() => reading.next())).to.equal(broken);
    expect(sizesOf(gatherer.end()), "of the next stream's").to.deep.equal([3]);
  });

  it("lets the stream wait while two chunks do, and closes it when nobody reads on", async () => {
    let pushed = 0;
    const stream = new Readable({
      highWaterMark: 1,
      read() {
        pushed += 1;
        this.push(Buffer.alloc(10));
      },
    });
    const reading = readChunks(stream, new ChunkGatherer(10));
    await reading.next();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(pushed).to.be.within(2, 4);
    await reading.return();
    expect(stream.destroyed).to.equal(true);
  });
});
