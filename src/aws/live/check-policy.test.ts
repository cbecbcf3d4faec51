import { expect } from "chai";
import { createSite } from "../template/site.ts";
import { checkPolicy, toStatementWords } from "./check-policy.ts";
import type { Plain, PlainMap } from "./comparison/plain.ts";

const site = createSite({
  bucket: "my-files",
  region: "eu-central-1",
  account: "111122223333",
  partition: "aws",
  residency: ["eu-central-1"],
  keyPrefix: "files/",
  externalPrefix: "external/",
  tags: {},
});
const READ: PlainMap = {
  Sid: "Read",
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::111122223333:root" },
  Action: "s3:GetObject",
  Resource: ["arn:aws:s3:::my-files/a", "arn:aws:s3:::my-files/b"],
  Condition: { StringEquals: { "aws:SourceAccount": ["1", "2"] }, Bool: { "aws:SecureTransport": true } },
};

describe("checkPolicy", () => {
  const check = (live: Plain | undefined) =>
    checkPolicy(site, [{ sid: "Read", why: "to read", json: READ }], {
      live,
      resource: "bucket my-files",
      policy: "policy",
      mend: "mend it",
    }).filter(({ status }) => status !== "ok");
  const policyOf = (...Statement: Plain[]) => ({ Version: "2012-10-17", Statement });

  it("takes what means the same for the same", () => {
    const same = {
      Sid: "Read",
      Effect: "Allow",
      Principal: { AWS: ["111122223333"] },
      Action: ["S3:getobject", "s3:GetObject"],
      Resource: ["arn:aws:s3:::my-files/b", "arn:aws:s3:::my-files/a"],
      Condition: { Bool: { "AWS:securetransport": "true" }, StringEquals: { "aws:SourceAccount": ["2", "1"] } },
    };
    expect(check(policyOf(same))).to.deep.equal([]);
    expect(check({ Version: "2012-10-17", Statement: same })).to.deep.equal([]);
  });

  it("finds a principal that AWS replaced by an id since its role was deleted", () => {
    const [finding, ...others] = check(policyOf({ ...READ, Principal: { AWS: "AROAEXAMPLEID" } }));
    expect(others).to.deep.equal([]);
    expect(finding?.actual).to.deep.equal({ "Principal.AWS": "AROAEXAMPLEID" });
    expect(finding?.meaning).to.contain("now AROAEXAMPLEID may read objects");
  });

  it("finds the policy gone, of another version, and with a second statement of the same name", () => {
    expect(check(undefined).map(({ check: name }) => name)).to.deep.equal(["policy statement Read"]);
    expect(check({ Statement: [READ] }).map(({ check: name }) => name)).to.deep.equal(["policy version"]);
    expect(check(policyOf(READ, READ))).to.have.length(1);
  });
});

describe("toStatementWords", () => {
  const CASES: readonly (readonly [statement: PlainMap, words: string])[] = [
    [
      { Effect: "Allow", Principal: { AWS: "*" }, Action: "*", Resource: "arn:aws:s3:::my-files/*" },
      "anyone may do anything on my-files/*",
    ],
    [
      { Effect: "Allow", NotPrincipal: { Service: "s3.amazonaws.com" }, Action: "s3:*", Resource: "*" },
      "anyone but service s3.amazonaws.com may do anything (s3:*) on every resource",
    ],
    [
      { Effect: "Deny", Principal: "*", NotAction: "s3:GetObject", NotResource: "arn:aws:s3:::my-files" },
      "anyone may not do anything but read objects on anything but bucket my-files",
    ],
    [{ Effect: "Allow", Principal: "someone", Action: "sts:AssumeRole" }, "someone may become the role"],
    [
      {
        Effect: "Allow",
        Action: "s3:ListBucket",
        Resource: "arn:aws:s3:::my-files",
        Condition: { Bool: { x: "true" } },
      },
      "may list keys on bucket my-files, if x is true",
    ],
  ];
  for (const [statement, words] of CASES) {
    it(words, () => {
      expect(toStatementWords(site, statement)).to.equal(words);
    });
  }
});
