import { expect } from "chai";
import { DomainError } from "../errors.ts";
import {
  assertPartFits,
  assertUnaryPart,
  choosePartSize,
  isOneShotPart,
  type PartLimits,
  partLengthOf,
  partNumberAt,
} from "./part-plan.ts";

const MIB = 2 ** 20;
const LIMITS: PartLimits = {
  partSizeBytes: 8 * MIB,
  partSizeUnknownBytes: 16 * MIB,
  replayablePartMaxBytes: 64 * MIB,
  partSizeMaxBytes: 5 * 1024 * MIB,
  partsMax: 10_000,
};
const declared = (sizeBytes: number) => choosePartSize(LIMITS, { sizeBytes, sizeHintBytes: undefined });

describe("choosePartSize", () => {
  it("takes the ordinary size while that fits", () => {
    expect(declared(0)).to.equal(8 * MIB);
    expect(declared(1)).to.equal(8 * MIB);
    expect(declared(8 * MIB * 10_000)).to.equal(8 * MIB);
  });

  it("grows, rounded up to a MiB, so that the size fits the most parts", () => {
    const justOver = 8 * MIB * 10_000 + 1;
    expect(declared(justOver)).to.equal(9 * MIB);
    for (const sizeBytes of [justOver, 100 * 1024 * MIB + 1, 4 * 2 ** 40, 50e12, 5 * 1024 * MIB * 10_000]) {
      const partSizeBytes = declared(sizeBytes);
      expect(Math.ceil(sizeBytes / partSizeBytes)).to.be.at.most(10_000);
      expect(partSizeBytes % MIB).to.equal(0);
      expect(partSizeBytes).to.be.at.most(5 * 1024 * MIB);
    }
  });

  it("takes the greater size when none is declared, and heeds a hint", () => {
    const unknown = (sizeHintBytes: number | undefined) =>
      choosePartSize(LIMITS, { sizeBytes: undefined, sizeHintBytes });
    expect(unknown(undefined)).to.equal(16 * MIB);
    expect(unknown(1)).to.equal(16 * MIB);
    expect(unknown(16 * MIB * 10_000 + 1)).to.equal(17 * MIB);
    expect(unknown(64 * MIB * 10_000)).to.equal(64 * MIB);
  });

  it("heeds the declared size before a hint", () => {
    expect(choosePartSize(LIMITS, { sizeBytes: 1, sizeHintBytes: 2 ** 40 })).to.equal(8 * MIB);
  });

  it("refuses what no part size can carry, with the bound", () => {
    for (const [partMaxBytes, field, says] of [
      [LIMITS.partSizeMaxBytes, "size_bytes", "the service takes at most"],
      [LIMITS.replayablePartMaxBytes, "size_hint_bytes", ": declare size_bytes"],
    ] as const) {
      const sizeMaxBytes = partMaxBytes * 10_000;
      const [sizeBytes, sizeHintBytes] =
        field === "size_bytes" ? [sizeMaxBytes + 1, undefined] : [undefined, sizeMaxBytes + 1];
      const size = { sizeBytes, sizeHintBytes };
      let error: unknown;
      try {
        choosePartSize(LIMITS, size);
      } catch (caught) {
        error = caught;
      }
      expect(error)
        .to.be.instanceOf(DomainError)
        .and.include({ code: "invalid_argument", reason: "SIZE_LIMIT", field });
      expect((error as DomainError).message).to.include(says);
      expect((error as DomainError).details).to.deep.equal({
        size_bytes: sizeMaxBytes + 1,
        size_bytes_max: sizeMaxBytes,
      });
    }
  });
});

describe("isOneShotPart", () => {
  const limits = { replayablePartMaxBytes: 100 };
  const ofSize = (sizeBytes: number | undefined, partSizeBytes: number) =>
    [1, 2, 3].map((partNumber) => isOneShotPart({ sizeBytes, partSizeBytes }, partNumber, limits));

  it("is true of parts over the limit, and so not of a last one that is short", () => {
    expect(ofSize(320, 120)).to.deep.equal([true, true, false]);
    expect(ofSize(345, 120)).to.deep.equal([true, true, true]);
    expect(ofSize(300, 100)).to.deep.equal([false, false, false]);
  });

  it("is never true without a declared size, or of the only part", () => {
    expect(ofSize(undefined, 120)).to.deep.equal([false, false, false]);
    expect(ofSize(120, 120)).to.deep.equal([false, false, false]);
  });

  it("goes by what is left in the last part", () => {
    const upload = { sizeBytes: 250, partSizeBytes: 100 };
    expect([1, 2, 3, 4].map((partNumber) => partLengthOf(upload, partNumber))).to.deep.equal([100, 100, 50, -50]);
    expect(partLengthOf({ sizeBytes: undefined, partSizeBytes: 100 }, 9999)).to.equal(100);
  });
});

describe("partNumberAt", () => {
  it("counts parts from 1", () => {
    expect([0, 9, 10, 19, 20].map((offset) => partNumberAt(offset, 10))).to.deep.equal([1, 1, 2, 2, 3]);
    expect(partNumberAt(8 * MIB * 9999, 8 * MIB)).to.equal(10_000);
  });
});

describe("assertPartFits", () => {
  const fits = (sizeBytes: number | undefined, partNumber: number, lengthBytes: number) => {
    try {
      assertPartFits({ sizeBytes, partSizeBytes: 100 }, { partNumber, lengthBytes });
      return "fits";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("takes whole parts, and the short last one of a declared size", () => {
    expect([fits(250, 1, 100), fits(250, 3, 50), fits(200, 2, 100), fits(undefined, 9, 100)]).to.deep.equal(
      Array.from({ length: 4 }, () => "fits"),
    );
  });

  it("says which length is right", () => {
    expect(fits(250, 2, 99)).to.equal("part 2 has 100 bytes, not 99");
    expect(fits(250, 3, 51)).to.equal("part 3 has 50 bytes, not 51");
    expect(fits(undefined, 1, 50)).to.equal(
      "part 1 has 100 bytes, not 50: the upload has no declared size, so that every part is whole",
    );
  });

  it("says how many parts there are", () => {
    expect(fits(250, 4, 100)).to.equal("part 4 is beyond the file, which has 3 parts");
    expect(fits(0, 1, 0)).to.equal("part 1 is beyond the file, which has 0 parts");
  });
});

describe("assertUnaryPart", () => {
  const assertPart = (upload: { sizeBytes: number; partSizeBytes: number }, partNumber: number, lengthBytes: number) =>
    assertUnaryPart(upload, { partNumber, lengthBytes });

  it("takes parts of at most 16 MiB, as assertPartFits does", () => {
    assertPart({ sizeBytes: 40 * MIB, partSizeBytes: 16 * MIB }, 1, 16 * MIB);
    assertPart({ sizeBytes: 40 * MIB, partSizeBytes: 17 * MIB }, 3, 6 * MIB);
    expect(() => assertPart({ sizeBytes: 40 * MIB, partSizeBytes: 16 * MIB }, 1, 1)).to.throw("not 1");
    expect(() => assertPart({ sizeBytes: 40 * MIB, partSizeBytes: 17 * MIB }, 4, 1)).to.throw("which has 3 parts");
  });

  it("takes no part that ends beyond the most bytes of the upload", () => {
    const upload = { sizeBytes: undefined, sizeMaxBytes: 2 * MIB, partSizeBytes: MIB };
    assertUnaryPart(upload, { partNumber: 2, lengthBytes: MIB });
    expect(() => assertUnaryPart(upload, { partNumber: 3, lengthBytes: MIB })).to.throw(
      `part 3 ends at byte ${3 * MIB}; this upload takes at most ${2 * MIB} bytes`,
    );
  });

  it("says by which ways a larger one goes", () => {
    expect(() => assertPart({ sizeBytes: 40 * MIB, partSizeBytes: 17 * MIB }, 1, 16 * MIB)).to.throw(
      `part 1 has ${17 * MIB} bytes, and one call takes at most ${16 * MIB}; send it by WriteUpload, or to a URL of SignParts`,
    );
  });
});
