import { expect } from "chai";
import { Policy } from "../policy/policy.ts";
import { mergeProperties } from "./merge-properties.ts";

describe("mergeProperties", () => {
  it("merges objects by key, however deep", () => {
    const merged = mergeProperties(
      { Notification: { EventBridge: { Enabled: true } }, Name: "a" },
      { Notification: { EventBridge: { Rule: 1 }, Queues: [1] } },
    );
    expect(merged).to.deep.equal({
      Notification: { EventBridge: { Enabled: true, Rule: 1 }, Queues: [1] },
      Name: "a",
    });
  });

  it("joins lists, the first's entries first", () => {
    expect(mergeProperties({ Rules: [1, 2] }, { Rules: [3] })).to.deep.equal({ Rules: [1, 2, 3] });
  });

  it("takes the same simple value twice", () => {
    expect(mergeProperties({ Status: "Enabled" }, { Status: "Enabled" })).to.deep.equal({ Status: "Enabled" });
  });

  it("changes neither of the two", () => {
    const a = { Rules: [1], Inner: { x: 1 } };
    mergeProperties(a, { Rules: [2], Inner: { y: 2 } });
    expect(a).to.deep.equal({ Rules: [1], Inner: { x: 1 } });
  });

  it("refuses two values for one thing", () => {
    expect(() => mergeProperties({ Status: "Enabled" }, { Status: "Suspended" })).to.throw(
      'two services set Status, to "Enabled" and to "Suspended"',
    );
    expect(() => mergeProperties({ Rules: [1] }, { Rules: { x: 1 } })).to.throw("two services set Rules");
  });

  it("does not merge policies, whose statements belong together", () => {
    expect(() => mergeProperties({ Document: new Policy([]) }, { Document: new Policy([]) })).to.throw(
      "two services set Document",
    );
  });
});
