import { expect } from "chai";
import type { DomainError } from "../domain/errors.ts";
import { sampleUpload } from "../testing/samples/sample-records.ts";
import { assertChunkFits, type ChunkBounds } from "./chunk-rules.ts";

describe("assertChunkFits", () => {
  const check = (offset: number, lengthBytes: number, bounds: Partial<ChunkBounds> = {}) => {
    const all: ChunkBounds = {
      upload: sampleUpload(),
      nextOffset: undefined,
      startOffset: 0,
      laneEndOffset: undefined,
      durableOffset: 0,
      chunkSizeMaxBytes: 50,
      fileSizeMaxBytes: 1000,
      isLimitedByParts: false,
      ...bounds,
    };
    try {
      assertChunkFits({ offset, lengthBytes, crc32: undefined }, all);
      return "fits";
    } catch (error) {
      return `${(error as DomainError).reason}: ${(error as DomainError).message}`;
    }
  };

  it("lets a stream begin at the durable offset or an earlier part's start, nowhere else", () => {
    expect([0, 100, 200, 250].map((offset) => check(offset, 1, { durableOffset: 250 }))).to.deep.equal(
      Array.from({ length: 4 }, () => "fits"),
    );
    expect(check(150, 1, { durableOffset: 250 })).to.equal(
      "OFFSET_MISMATCH: chunk at offset 150 overlaps bytes already sent; begin at 250 or at an earlier multiple of 100",
    );
    expect(check(300, 1, { durableOffset: 250 })).to.include("leaves a gap");
    expect(check(1, 1)).to.equal("OFFSET_MISMATCH: chunk at offset 1 leaves a gap; begin at 0");
    expect(check(-100, 1, { durableOffset: 250 })).to.include("is negative");
  });

  it("lets it go on only where it stopped", () => {
    expect(check(30, 50, { nextOffset: 30 })).to.equal("fits");
    expect(check(0, 1, { nextOffset: 30 })).to.equal(
      "OFFSET_MISMATCH: chunk at offset 0 overlaps bytes already sent; go on at 30",
    );
    expect(check(31, 1, { nextOffset: 30 })).to.equal("OFFSET_MISMATCH: chunk at offset 31 leaves a gap; go on at 30");
  });

  it("bounds the chunk, the declared size and the file", () => {
    expect(check(0, 51)).to.equal("CHUNK_TOO_LARGE: chunk has 51 bytes; the limit is 50");
    const upload = sampleUpload({ sizeBytes: 40 });
    expect(check(0, 40, { upload })).to.equal("fits");
    expect(check(0, 41, { upload })).to.include("SIZE_MISMATCH");
    expect(check(980, 20, { nextOffset: 980 })).to.equal("fits");
    expect(check(980, 21, { nextOffset: 980 })).to.equal(
      "SIZE_LIMIT: chunk ends at byte 1001; this upload takes at most 1000 bytes",
    );
    expect(
      check(1000, 1, { nextOffset: 1000, isLimitedByParts: true, upload: sampleUpload({ sizeBytes: undefined }) }),
    ).to.equal(
      "SIZE_LIMIT: chunk ends at byte 1001; this upload takes at most 1000 bytes; for more, declare size_bytes, or size_hint_bytes, at its creation",
    );
  });

  it("keeps a lane's chunks within it", () => {
    const lane = { startOffset: 200, laneEndOffset: 400, durableOffset: 300 };
    expect([200, 300].map((offset) => check(offset, 50, lane))).to.deep.equal(["fits", "fits"]);
    expect(check(100, 1, lane)).to.equal(
      "OFFSET_MISMATCH: chunk at offset 100 lies before the lane; begin at 300 or at an earlier multiple of 100 from 200",
    );
    expect(check(399, 2, { ...lane, nextOffset: 399 })).to.equal(
      "SIZE_MISMATCH: chunk ends at byte 401; the lane ends at 400",
    );
  });
});
