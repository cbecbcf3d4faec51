import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { UploadSchema } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { chooseLanes, countBytesIn, LANES_FROM_BYTES, planLanes } from "./lane-plan.ts";

/** An upload of parts of 10 bytes; durable ranges as [offset, size]. */
const uploadOf = (sizeBytes: number, durable: [number, number][] = []) =>
  create(UploadSchema, {
    sizeBytes: BigInt(sizeBytes),
    partSizeBytes: 10n,
    durableRanges: durable.map(([offset, size]) => ({ offset: BigInt(offset), sizeBytes: BigInt(size) })),
  });

describe("chooseLanes", () => {
  const file = { sizeBytes: LANES_FROM_BYTES, isSeekable: true, computeSha256: false };

  it("takes four for a large file, and one for a smaller one, by itself", () => {
    expect(chooseLanes("auto", file)).to.equal(4);
    expect(chooseLanes("auto", { ...file, sizeBytes: LANES_FROM_BYTES - 1 })).to.equal(1);
  });

  it("takes one where the service would have to read the file back for its SHA-256", () => {
    expect(chooseLanes("auto", { ...file, computeSha256: true })).to.equal(1);
  });

  it("takes as many as it is told, of any size", () => {
    expect(chooseLanes(7, { ...file, sizeBytes: 1, computeSha256: true })).to.equal(7);
  });

  it("takes one where the size or any byte is not at hand", () => {
    expect(chooseLanes(4, { ...file, isSeekable: false })).to.equal(1);
    expect(chooseLanes(4, { ...file, sizeBytes: undefined })).to.equal(1);
  });

  for (const lanes of [0, 17, 1.5, Number.NaN]) {
    it(`refuses ${lanes}`, () => {
      expect(() => chooseLanes(lanes, file)).to.throw('give "auto" or 1 to 16');
    });
  }
});

describe("planLanes", () => {
  const plan = (upload: ReturnType<typeof uploadOf>, lanes: number) =>
    planLanes(upload, lanes).map(({ start, end }) => [start, end]);

  it("divides a file into equal ranges of whole parts, the last one shorter", () => {
    expect(plan(uploadOf(75), 4)).to.deep.equal([
      [0, 20],
      [20, 40],
      [40, 60],
      [60, 75],
    ]);
  });

  it("plans no more lanes than there are parts", () => {
    expect(plan(uploadOf(15), 4)).to.deep.equal([
      [0, 10],
      [10, 15],
    ]);
    expect(plan(uploadOf(5), 4)).to.deep.equal([[0, 5]]);
    expect(plan(uploadOf(0), 4)).to.deep.equal([]);
  });

  it("divides only what is missing, and gives durable bytes to the lane that follows them", () => {
    const upload = uploadOf(100, [
      [0, 30],
      [50, 10],
    ]);
    expect(plan(upload, 3)).to.deep.equal([
      [0, 50],
      [50, 80],
      [80, 100],
    ]);
  });

  it("gives durable bytes at the end a range of their own", () => {
    expect(plan(uploadOf(95, [[60, 35]]), 2)).to.deep.equal([
      [0, 30],
      [30, 60],
      [60, 95],
    ]);
  });

  it("plans nothing where nothing is missing", () => {
    expect(plan(uploadOf(95, [[0, 95]]), 2)).to.deep.equal([]);
  });

  it("covers any file once, whatever is durable", () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 300; round++) {
      const sizeBytes = 1 + random(400);
      const durable: [number, number][] = [];
      for (let at = 10 * random(4); at < sizeBytes; at += 10 * (1 + random(5))) {
        const size = Math.min(10 * (1 + random(3)), sizeBytes - at);
        durable.push([at, size]);
        at += size;
      }
      const lanes = planLanes(uploadOf(sizeBytes, durable), 1 + random(6));
      if (lanes.length === 0) continue;
      let at = 0;
      for (const { start, end } of lanes) {
        expect(start).to.equal(at);
        expect(start % 10).to.equal(0);
        expect(end).to.be.greaterThan(start);
        at = end;
      }
      expect(at).to.equal(sizeBytes);
    }
  });
});

describe("countBytesIn", () => {
  it("counts what of the ranges lies in the lane", () => {
    const { durableRanges } = uploadOf(100, [
      [0, 30],
      [50, 10],
      [90, 10],
    ]);
    expect(countBytesIn({ start: 20, end: 55 }, durableRanges)).to.equal(15);
    expect(countBytesIn({ start: 60, end: 90 }, durableRanges)).to.equal(0);
  });
});
