import { expect } from "chai";
import { findNearest } from "./nearest-name.ts";

const KNOWN = ["athena", "cloudfront", "cloudtrail", "s3-inventory", "sns", "sqs"];

describe("findNearest", () => {
  it("finds a name with a letter too many, too few, wrong or in another's place", () => {
    expect(findNearest("athenna", KNOWN)).to.equal("athena");
    expect(findNearest("atena", KNOWN)).to.equal("athena");
    expect(findNearest("athema", KNOWN)).to.equal("athena");
    expect(findNearest("cloudfornt", KNOWN)).to.equal("cloudfront");
  });

  it("reads large and small letters alike", () => {
    expect(findNearest("CloudTrail", KNOWN)).to.equal("cloudtrail");
  });

  it("takes the first of equally near ones", () => {
    expect(findNearest("sxs", KNOWN)).to.equal("sns");
  });

  it("finds none when more than a third of the letters differ", () => {
    expect(findNearest("kinesis", KNOWN)).to.equal(undefined);
    expect(findNearest("xyz", KNOWN)).to.equal(undefined);
  });

  it("finds none among none", () => {
    expect(findNearest("athena", [])).to.equal(undefined);
    expect(findNearest("", KNOWN)).to.equal(undefined);
  });
});
