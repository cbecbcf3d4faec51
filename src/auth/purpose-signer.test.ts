import { expect } from "chai";
import { createPurposeSigner } from "./purpose-signer.ts";

describe("createPurposeSigner", () => {
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const PURPOSE = "sluice/upload/v1";

  it("signs the same way each time, and accepts what it signed", () => {
    const signer = createPurposeSigner([first], PURPOSE);
    // HMAC-SHA-256 under HKDF-SHA-256(key, salt "", info PURPOSE, 32 bytes), computed by Python's hmac.
    expect(signer.sign("text")).to.equal("qWmHxpfBbLc-nReFdN6luQETyMw85JMY52OkP6J0INE");
    expect(signer.hasSigned("text", signer.sign("text"))).to.equal(true);
  });

  it("accepts no code of another text, purpose or key, and no other form of a code", () => {
    const signer = createPurposeSigner([first], PURPOSE);
    const code = signer.sign("text");
    expect(signer.hasSigned("text2", code)).to.equal(false);
    for (const purpose of ["sluice/upload/v2", "sluice/iam/v1", ""])
      expect(createPurposeSigner([first], purpose).hasSigned("text", code), purpose).to.equal(false);
    // The purpose and the text are apart: neither can take a piece of the other.
    expect(createPurposeSigner([first], "sluice/upload/v1\nte").sign("xt")).not.to.equal(code);
    expect(createPurposeSigner([second], PURPOSE).hasSigned("text", code)).to.equal(false);
    for (const other of ["", code.slice(1), `${code}=`, `${code}A`, code.toLowerCase()])
      expect(signer.hasSigned("text", other), other).to.equal(false);
  });

  it("signs by its first key, and accepts what either has signed until one is retired", () => {
    const [before, both, after] = [[first], [second, first], [second]].map((keys) =>
      createPurposeSigner(keys, PURPOSE),
    );
    const old = before?.sign("text") ?? "";
    expect(both?.hasSigned("text", old)).to.equal(true);
    expect(both?.sign("text")).to.equal(after?.sign("text"));
    expect(after?.hasSigned("text", old)).to.equal(false);
  });

  it("needs a key", () => {
    expect(() => createPurposeSigner([], PURPOSE)).to.throw("no key");
  });
});
