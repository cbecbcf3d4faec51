import { expect } from "chai";
import { createPurposeSealer } from "./purpose-sealer.ts";

const KEYS = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
const PURPOSE = "sluice/webhook/v1";
const SECRET = Buffer.from("a secret of 24 bytes, or so");

describe("createPurposeSealer", () => {
  const sealer = createPurposeSealer([KEYS[0]], PURPOSE);

  it("opens what it has sealed, for the same owner alone", () => {
    const sealed = sealer.seal(SECRET, "owner");
    expect(sealer.open(sealed, "owner")).to.deep.equal({ secret: SECRET, isStale: false });
    expect(sealer.open(sealed, "other")).to.equal(undefined);
    expect(Buffer.from(sealed).includes(SECRET)).to.equal(false);
    expect(sealer.seal(SECRET, "owner"), "another nonce each time").not.to.deep.equal(sealed);
  });

  it("opens by each of its keys, and says when the first one is to seal it anew", () => {
    const sealed = createPurposeSealer([KEYS[1]], PURPOSE).seal(SECRET, "owner");
    expect(createPurposeSealer(KEYS, PURPOSE).open(sealed, "owner")).to.deep.equal({ secret: SECRET, isStale: true });
    expect(sealer.open(sealed, "owner")).to.equal(undefined);
  });

  it("opens nothing that was sealed for another purpose, changed or cut", () => {
    const sealed = sealer.seal(SECRET, "owner");
    expect(createPurposeSealer([KEYS[0]], "sluice/upload/v1").open(sealed, "owner")).to.equal(undefined);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed, (byte, i) => (i === at ? byte ^ 1 : byte));
      expect(sealer.open(changed, "owner"), `byte ${at}`).to.equal(undefined);
      expect(sealer.open(sealed.subarray(0, at), "owner"), `${at} bytes`).to.equal(undefined);
    }
  });

  it("needs a key", () => {
    expect(() => createPurposeSealer([], PURPOSE)).to.throw("there is no key");
  });
});
