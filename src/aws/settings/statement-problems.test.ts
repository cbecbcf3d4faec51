import { expect } from "chai";
import { expectProblem, problemsWith } from "../../testing/aws/settings-problems.ts";

const FILES = "arn:aws:s3:::my-files/files/*";
const SHARED = "arn:aws:s3:::my-files/external/shared/*";
const ALLOW = {
  Sid: "Partner",
  Effect: "Allow",
  Principal: { AWS: "444455556666" },
  Action: "s3:GetObject",
  Resource: FILES,
};
const DENY = { Sid: "Fence", Effect: "Deny", Principal: "*", Action: "s3:*", Resource: FILES };

function refuses(statement: Readonly<Record<string, unknown>>, element: string, sentence: RegExp): void {
  expectProblem({ statements: [statement] }, `statements.0.${element}`, sentence);
}

function takes(statement: Readonly<Record<string, unknown>>): void {
  expect(problemsWith({ statements: [statement] }), JSON.stringify(statement)).to.deep.equal([]);
}

describe("statements of one's own", () => {
  it("may let accounts, roles and services read, and write below the external prefix", () => {
    takes(ALLOW);
    takes({ ...ALLOW, Principal: { AWS: ["arn:aws:iam::444455556666:role/reports", "777788889999"] } });
    takes({ ...ALLOW, Action: ["s3:PutObject", "s3:DeleteObject"], Resource: SHARED });
    takes({
      ...ALLOW,
      Action: "s3:ListBucket",
      Resource: "arn:aws:s3:::my-files",
      Condition: { StringLike: { "s3:prefix": "files/*" } },
    });
    takes({
      ...ALLOW,
      Principal: { Service: "billingreports.amazonaws.com" },
      Condition: { StringEquals: { "aws:SourceAccount": "111122223333" } },
    });
  });

  it("make nothing public", () => {
    for (const Principal of ["*", { AWS: "*" }, { AWS: ["444455556666", "*"] }, { AWS: "arn:aws:iam::*:root" }]) {
      refuses({ ...ALLOW, Principal }, "Principal", /would make the bucket public/);
    }
    const Condition = { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } };
    refuses({ ...ALLOW, Principal: "*", Condition }, "Principal", /would make the bucket public/);
  });

  it("let no service in that another customer could send", () => {
    const Principal = { Service: "billingreports.amazonaws.com" };
    const sentence = /sent here by anybody's account; say StringEquals of aws:SourceAccount/;
    refuses({ ...ALLOW, Principal }, "Condition", sentence);
    for (const Condition of [
      { StringEqualsIfExists: { "aws:SourceAccount": "111122223333" } },
      { StringNotEquals: { "aws:SourceAccount": "111122223333" } },
      { Bool: { "aws:SecureTransport": "true" } },
    ]) {
      refuses({ ...ALLOW, Principal, Condition }, "Condition", sentence);
    }
  });

  it("give nobody the right to take away a denial of the policy", () => {
    for (const Action of [
      "s3:PutBucketPolicy",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutObjectAcl",
    ]) {
      refuses(
        { ...ALLOW, Action, Resource: "arn:aws:s3:::my-files/external/*" },
        "Action",
        /would let others change the bucket or its guards/,
      );
    }
    refuses({ ...ALLOW, Action: "s3:Get*" }, "Action", /name each action/);
  });

  it("let nobody write among Sluice's files", () => {
    for (const Resource of [FILES, "arn:aws:s3:::my-files/*", "arn:aws:s3:::my-files/ext*"]) {
      refuses({ ...ALLOW, Action: "s3:PutObject", Resource }, "Resource", /must not reach Sluice's files/);
    }
  });

  it("shut out neither Sluice nor whoever deploys", () => {
    const sentence = /would be refused to .* in any case, to Sluice itself/;
    refuses(DENY, "Action", sentence);
    refuses({ ...DENY, Action: "s3:P*t?bject" }, "Action", /s3:PutObject would be refused/);
    refuses({ ...DENY, Resource: "arn:aws:s3:::my-files" }, "Action", /s3:ListBucket, .* and 4 more would be refused/);
    for (const AWS of [
      "111122223333",
      "arn:aws:iam::111122223333:root",
      "arn:aws:iam::111122223333:role/my-files-write",
    ]) {
      refuses({ ...DENY, Principal: { AWS } }, "Action", sentence);
    }
    takes({ ...DENY, Condition: { Bool: { "aws:MultiFactorAuthPresent": "false" } } });
    takes({ ...DENY, Principal: { AWS: "444455556666" } });
    takes({ ...DENY, Resource: SHARED });
    takes({ ...DENY, Action: "s3:PutObjectAcl" });
  });

  it("are about the bucket alone, and about its partition", () => {
    refuses({ ...ALLOW, Resource: "arn:aws:s3:::my-files-logs/*" }, "Resource", /is not in the bucket/);
    refuses({ ...ALLOW, Resource: "arn:aws-cn:s3:::my-files/files/*" }, "Resource", /is not in the bucket/);
    refuses(
      { ...ALLOW, Principal: { AWS: "arn:aws-cn:iam::444455556666:root" } },
      "Principal",
      /lies in partition aws-cn/,
    );
  });

  it("have each a Sid of their own", () => {
    expectProblem({ statements: [ALLOW, ALLOW] }, "statements.1.Sid", /stands there twice/);
    refuses({ ...ALLOW, Sid: "with space" }, "Sid", /1 to 64 letters and digits/);
  });

  it("are written as IAM's JSON, in the elements that say what they mean", () => {
    const { Principal, ...nobody } = ALLOW;
    refuses(
      { ...nobody, NotPrincipal: Principal, Principal },
      "NotPrincipal",
      /is no setting; did you mean "Principal"\?/,
    );
    refuses(
      { ...ALLOW, Condition: { StringEqals: { a: "b" } } },
      "Condition.StringEqals",
      /an operator is one of IAM's/,
    );
    refuses(
      { ...ALLOW, Principal: { AWS: "444455556666", Service: "x.amazonaws.com" } },
      "Principal",
      /say AWS or Service/,
    );
    refuses({ ...ALLOW, Action: "ec2:RunInstances" }, "Action", /an action is one of S3's/);
  });

  it("are read in a moment, whatever their wildcards", () => {
    const Action = `s3:${"*a".repeat(1000)}`;
    takes({ ...DENY, Action, Condition: undefined });
  });
});
