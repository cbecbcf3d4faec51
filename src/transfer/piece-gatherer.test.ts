import { expect } from "chai";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { BLOCK_BYTES, PIECE_MEAN_MIN_BYTES, PINNED_BYTES_PER_BYTE, PieceGatherer } from "./piece-gatherer.ts";

/** A gatherer, with what it keeps by reference joining the copies. */
const createGatherer = (...[lengthBytes, keep, options]: ConstructorParameters<typeof PieceGatherer>) => {
  const gatherer = new PieceGatherer(lengthBytes, keep, options);
  const write = (bytes: Uint8Array) => {
    if (gatherer.refers(bytes)) keep(bytes);
  };
  return { write, flush: () => gatherer.flush() };
};

/** About what a view costs in V8, in bytes. */
const VIEW_BYTES = 200;
const PART_BYTES = 2 ** 20;

describe("PieceGatherer", () => {
  const content = seededBytes(PART_BYTES);
  /** Cuts the content by turns into these sizes, each piece a view of a network buffer of its own or a shared one. */
  const gather = (sizes: readonly number[], options: { viewsABuffer: number }) => {
    const kept: Uint8Array[] = [];
    const { write, flush } = createGatherer(PART_BYTES, (bytes) => kept.push(bytes));
    let buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    for (let [at, piece] = [0, 0]; at < PART_BYTES; piece++) {
      const size = Math.min(sizes[piece % sizes.length] as number, PART_BYTES - at);
      const view = piece % options.viewsABuffer;
      if (view === 0) buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const bytes = buffer.subarray(view * size, (view + 1) * size);
      content.copy(bytes, 0, at, at + size);
      write(bytes);
      at += size;
    }
    flush();
    expect(Buffer.concat(kept).equals(content), "the same bytes in the same order").to.equal(true);
    const buffers = new Set(kept.map((bytes) => bytes.buffer));
    const heldBytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { kept, heldBytes };
  };

  for (const [what, sizes, viewsABuffer] of [
    ["chunks of one byte", [1], 1000],
    ["pieces just too small to be kept", [PIECE_MEAN_MIN_BYTES - 1], 1],
    ["the smallest pieces that are kept, each with a buffer to itself", [PIECE_MEAN_MIN_BYTES], 1],
    ["small and large by turns", [1, PIECE_MEAN_MIN_BYTES], 1],
    ["frames of a quarter of a buffer, each with one to itself", [16_384], 1],
    ["large pieces", [60_000], 1],
  ] as const) {
    it(`bounds the memory of ${what}`, () => {
      const { kept, heldBytes } = gather(sizes, { viewsABuffer });
      expect(heldBytes).to.be.at.most(PINNED_BYTES_PER_BYTE * PART_BYTES + 3 * BLOCK_BYTES);
      expect(kept.length * VIEW_BYTES).to.be.at.most(PART_BYTES / 2);
    });
  }

  it("bounds each span where bytes do not stay, whatever came before, and lets no copies wait long", () => {
    const spanBytes = 4 * BLOCK_BYTES;
    let keptBytes = 0;
    let pieces = 0;
    const keep = ({ length }: Uint8Array) => {
      keptBytes += length;
      pieces++;
    };
    const { write } = createGatherer(PART_BYTES, keep, { spanBytes, waitMaxBytes: PIECE_MEAN_MIN_BYTES });
    for (let at = 0; at < PART_BYTES / 2; at += BLOCK_BYTES) write(Buffer.allocUnsafeSlow(BLOCK_BYTES));
    const wholePieces = pieces;
    const buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    for (let at = PART_BYTES / 2; at < PART_BYTES; at++) {
      write(buffer.subarray(at % BLOCK_BYTES, (at % BLOCK_BYTES) + 1));
      expect(at + 1 - keptBytes).to.be.below(PIECE_MEAN_MIN_BYTES);
    }
    // Of each span one block's worth may come as tiny pieces.
    const spans = PART_BYTES / 2 / spanBytes;
    const piecesMax = PART_BYTES / 2 / PIECE_MEAN_MIN_BYTES + (spans + 1) * (BLOCK_BYTES / PIECE_MEAN_MIN_BYTES);
    expect(pieces - wholePieces).to.be.at.most(piecesMax);
  });

  it("keeps by reference what fills its buffers", () => {
    const { kept } = gather([16_384], { viewsABuffer: 4 });
    expect(kept.every(({ length }) => length === 16_384)).to.equal(true);
    const { buffer } = kept[0] as Uint8Array;
    expect(kept.filter((bytes) => bytes.buffer === buffer)).to.have.lengthOf(4);
  });

  it("keeps by reference what the wire cuts anywhere", () => {
    // Frames of 16 KiB with headers between, read in buffers of 64 KiB that end in the midst of frames: the part begins
    // at every place of a buffer in turn.
    const frameBytes = 16_384;
    const headerBytes = 9;
    for (let skippedBytes = 0; skippedBytes < BLOCK_BYTES; skippedBytes += 61) {
      const written: Uint8Array[] = [];
      const kept: Uint8Array[] = [];
      const { write } = createGatherer(PART_BYTES, (bytes) => kept.push(bytes));
      for (let at = skippedBytes, buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES); written.length < 40; ) {
        const intoFrame = at % (frameBytes + headerBytes);
        const length = Math.min(frameBytes + headerBytes - intoFrame, BLOCK_BYTES - (at % BLOCK_BYTES));
        const bytes = buffer.subarray(at % BLOCK_BYTES, (at % BLOCK_BYTES) + length);
        const piece = bytes.subarray(Math.max(0, headerBytes - intoFrame));
        if (piece.length > 0) written.push(piece);
        if (piece.length > 0) write(piece);
        at += length;
        if (at % BLOCK_BYTES === 0) buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      }
      expect(kept.every((piece, index) => piece === written[index])).to.equal(true);
      expect(kept).to.have.lengthOf(written.length);
    }
  });

  it("takes no larger block than the part", () => {
    const kept: Uint8Array[] = [];
    const { write, flush } = createGatherer(10, (bytes) => kept.push(bytes));
    const buffer = Buffer.allocUnsafeSlow(4 * BLOCK_BYTES);
    buffer.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const at of [0, 1, 2]) write(buffer.subarray(at, at + 1));
    expect(kept).to.deep.equal([]);
    flush();
    flush();
    write(buffer.subarray(3, 10));
    expect(kept.map((bytes) => [...bytes])).to.deep.equal([
      [1, 2, 3],
      [4, 5, 6, 7, 8, 9, 10],
    ]);
    expect(kept[0]?.buffer.byteLength).to.equal(10);
  });
});
