import { expect } from "chai";
import { FaultPlan, parseFaultRules } from "./faults.ts";

describe("FaultPlan", () => {
  it("strikes matching requests as often as it says, first rule first", () => {
    const plan = new FaultPlan();
    plan.add({ operation: "UploadPart", match: { key: /^a/, partNumber: 2 }, times: 2, fault: { kind: "hang" } });
    plan.add({ operation: "UploadPart", fault: { kind: "cut-response" } });
    expect(plan.pending).to.equal(3);
    expect(plan.take("PutObject", "a", undefined)).to.equal(undefined);
    expect(plan.take("UploadPart", "a", 2)).to.deep.equal({ kind: "hang" });
    expect(plan.take("UploadPart", "b", 2)).to.deep.equal({ kind: "cut-response" });
    expect(plan.take("UploadPart", "a", 3)).to.equal(undefined);
    expect(plan.take("UploadPart", "a", 2)).to.deep.equal({ kind: "hang" });
    expect(plan.take("UploadPart", "a", 2)).to.equal(undefined);
  });

  it("forgets what has not struck", () => {
    const plan = new FaultPlan();
    plan.add({ operation: "GetObject", fault: { kind: "hang" } });
    plan.clear();
    expect(plan.take("GetObject", "a", undefined)).to.equal(undefined);
  });
});

describe("parseFaultRules", () => {
  it("reads rules with key patterns", () => {
    const [rule, other] = parseFaultRules(
      '[{"operation":"PutObject","match":{"key":"^x","partNumber":1},"fault":{"kind":"latency","ms":5}},' +
        '{"operation":"GetObject","times":2,"fault":{"kind":"hang"}}]',
    );
    expect(rule?.match?.key?.test("xy")).to.equal(true);
    expect(other?.times).to.equal(2);
  });

  for (const json of [
    "{}",
    "nonsense",
    '[{"operation":"Nope","fault":{"kind":"hang"}}]',
    '[{"operation":"GetObject","fault":{"kind":"x"}}]',
  ]) {
    it(`refuses ${json}`, () => {
      expect(() => parseFaultRules(json)).to.throw();
    });
  }
});
