import { expect } from "chai";
import { gatherChunks } from "./gather-chunks.ts";

async function gather(sizes: number[], chunkBytes: number): Promise<Buffer[]> {
  let next = 0;
  async function* buffers() {
    for (const size of sizes) yield Buffer.from(Array.from({ length: size }, () => next++ % 251));
  }
  const chunks: Buffer[] = [];
  for await (const chunk of gatherChunks(buffers(), chunkBytes)) chunks.push(Buffer.from(chunk));
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
