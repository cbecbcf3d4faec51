import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../../testing/aws/golden-settings.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";
import { isExpectedText, MADE_UP, resolveIntrinsics } from "./made-up-ids.ts";
import type { Plain } from "./plain.ts";

describe("resolveIntrinsics", () => {
  const configuration = generateConfiguration(parseSettings(GOLDEN_SETTINGS.smallest));
  const resolve = (value: Plain) => resolveIntrinsics(configuration, value);
  const CASES: readonly (readonly [what: string, value: Plain, expected: Plain])[] = [
    ["the name of a role", { Ref: "WriteRole" }, "my-files-write"],
    ["the ARN of a role", { "Fn::GetAtt": ["WriteRole", "Arn"] }, "arn:aws:iam::111122223333:role/my-files-write"],
    ["the ARN of a bucket, in the short form", { "Fn::GetAtt": "DataBucket.Arn" }, "arn:aws:s3:::my-files"],
    ["another attribute", { "Fn::GetAtt": ["DataBucket", "DomainName"] }, MADE_UP],
    ["what AWS makes up", { Ref: "Distribution" }, MADE_UP],
    ["the region", { Ref: "AWS::Region" }, "eu-central-1"],
    [
      "a text with ids in it",
      { "Fn::Sub": `a/\${Distribution}/\${AWS::AccountId}/\${!kept}` },
      `a/${MADE_UP}/111122223333/\${kept}`,
    ],
    [
      "a text with variables",
      { "Fn::Sub": [`\${one}-\${DataBucket}`, { one: { Ref: "LogBucket" } }] },
      "my-files-logs-my-files",
    ],
    ["joined texts", { "Fn::Join": [":", ["a", { Ref: "DataBucket" }]] }, "a:my-files"],
    ["any other function", { "Fn::Select": [0, ["a"]] }, MADE_UP],
    ["texts within maps and lists", { a: [{ Ref: "DataBucket" }], b: 1 }, { a: ["my-files"], b: 1 }],
  ];
  for (const [what, value, expected] of CASES) {
    it(`knows ${what}`, () => {
      expect(resolve(value)).to.deep.equal(expected);
    });
  }
});

describe("isExpectedText", () => {
  it("takes any id where AWS made one up, and no wildcard", () => {
    const expected = `arn:aws:cloudfront::111122223333:distribution/${MADE_UP}`;
    expect(isExpectedText(expected, "arn:aws:cloudfront::111122223333:distribution/E123")).to.equal(true);
    expect(isExpectedText(expected, "arn:aws:cloudfront::111122223333:distribution/*")).to.equal(false);
    expect(isExpectedText(expected, "arn:aws:cloudfront::111122223333:distribution/")).to.equal(false);
    expect(isExpectedText(expected, "arn:aws:cloudfront::999988887777:distribution/E123")).to.equal(false);
    expect(isExpectedText("a.c", "abc")).to.equal(false);
  });
});
