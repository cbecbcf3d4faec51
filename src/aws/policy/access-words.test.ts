import { expect } from "chai";
import { createSite } from "../template/site.ts";
import { getAtt, ref, sub } from "../template/template.ts";
import { join, toActionWords, toConditionWords, toResourceWords, toText } from "./access-words.ts";

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

describe("actions in words", () => {
  it("are short for what S3 is asked most", () => {
    expect(toActionWords("s3:GetObject")).to.equal("read objects");
    expect(toActionWords("s3:DeleteObjectVersion")).to.equal("delete versions of objects for good");
  });

  it("are the action's own words otherwise, with its service", () => {
    expect(toActionWords("s3:GetBucketVersioning")).to.equal("get bucket versioning");
    expect(toActionWords("s3:GetBucketCORS")).to.equal("get bucket CORS");
    expect(toActionWords("glue:BatchGetPartition")).to.equal("batch get partition (glue)");
  });

  it("are anything for all of a service's", () => {
    expect(toActionWords("s3:*")).to.equal("anything");
    expect(toActionWords("sqs:*")).to.equal("anything");
  });
});

describe("conditions in words", () => {
  const say = (operator: string, key: string, value: string | string[]) =>
    toConditionWords({ [operator]: { [key]: value } }).join();

  it("say what is meant where it is known", () => {
    expect(say("StringEquals", "aws:SourceAccount", "1")).to.equal("it acts for account 1");
    expect(say("ArnLike", "aws:SourceArn", ["a", "b"])).to.equal("it acts for a or b");
    expect(say("Bool", "aws:SecureTransport", "false")).to.equal("it does not come over TLS");
    expect(say("Bool", "aws:PrincipalIsAWSService", "true")).to.equal("an AWS service itself is calling");
    expect(say("NumericLessThan", "s3:TlsVersion", "1.3")).to.equal("TLS is below 1.3");
    expect(say("NumericGreaterThan", "s3:signatureAge", "900000")).to.equal("it was signed more than 900 s ago");
    expect(say("StringEquals", "s3:authType", "REST-QUERY-STRING")).to.equal("the URL is presigned");
    expect(say("StringNotEquals", "s3:authType", "REST-QUERY-STRING")).to.equal("the URL is not presigned");
    expect(say("StringEquals", "s3:authType", "POST")).to.equal("it is signed by POST");
    expect(say("StringNotEquals", "s3:authType", "POST")).to.equal("it is not signed by POST");
    expect(say("StringNotEquals", "aws:SourceVpce", ["a", "b"])).to.equal(
      "it does not come through the VPC endpoint a or b",
    );
    expect(say("StringEquals", "s3:DataAccessPointArn", "a")).to.equal("it comes by the access point a");
    expect(say("BoolIfExists", "aws:ViaAWSService", "false")).to.equal(
      "no AWS service is calling with the caller's identity, where that is known",
    );
    expect(say("StringNotEquals", "aws:RequestedRegion", ["a", "b"])).to.equal("it reaches a region other than a or b");
  });

  it("are operator and key where it is not", () => {
    expect(say("StringLike", "cloudwatch:namespace", "aws/*")).to.equal("cloudwatch:namespace is like aws/*");
    expect(say("Null", "s3:x-amz-acl", "true")).to.equal("s3:x-amz-acl is not said");
    expect(say("Null", "s3:x-amz-acl", "false")).to.equal("s3:x-amz-acl is said");
    expect(say("Bool", "kms:GrantIsForAWSResource", "true")).to.equal("kms:GrantIsForAWSResource is true");
    expect(say("DateLessThan", "aws:CurrentTime", "2030-01-01")).to.equal("aws:CurrentTime DateLessThan 2030-01-01");
  });

  it("tell of keys that may be missing and of lists", () => {
    expect(say("StringEqualsIfExists", "aws:SourceAccount", "1")).to.equal(
      "it acts for account 1, where that is known",
    );
    expect(say("ForAllValues:StringEquals", "aws:TagKeys", "a")).to.equal("for every value aws:TagKeys is a");
    expect(say("ForAnyValue:StringEquals", "aws:TagKeys", "a")).to.equal("for one value at least aws:TagKeys is a");
  });
});

describe("resources in words", () => {
  it("are names of buckets and keys without the ARN around them", () => {
    expect(toResourceWords(site, ["arn:aws:s3:::my-files", "arn:aws:s3:::my-files/files/*"])).to.equal(
      "bucket my-files and my-files/files/*",
    );
  });

  it("are ARNs elsewhere, and everything for a star", () => {
    expect(toResourceWords(site, ["arn:aws:sqs:eu-central-1:1:q"])).to.equal("arn:aws:sqs:eu-central-1:1:q");
    expect(toResourceWords(site, ["*"])).to.equal("every resource");
  });
});

describe("values as text", () => {
  it("are written like in Fn::Sub where AWS makes them up", () => {
    expect(toText(ref("Queue"))).to.equal(`\${Queue}`);
    expect(toText(getAtt("Queue", "Arn"))).to.equal(`\${Queue.Arn}`);
    expect(toText(sub(`arn:\${Queue}`))).to.equal(`arn:\${Queue}`);
    expect(toText({ "Fn::Sub": [`\${A}-x`, { A: "b" }] })).to.equal(`\${A}-x`);
    expect(toText({ "Fn::Join": ["/", ["a", ref("B")]] })).to.equal(`a/\${B}`);
  });

  it("are themselves otherwise", () => {
    expect(toText("a")).to.equal("a");
    expect(toText(5)).to.equal("5");
    expect(toText(["a", true])).to.equal("a, true");
    expect(toText({ a: "b" })).to.equal('{"a":"b"}');
  });

  it("are joined like in a sentence", () => {
    expect(join([], "and")).to.equal("");
    expect(join(["a"], "and")).to.equal("a");
    expect(join(["a", "b"], "or")).to.equal("a or b");
    expect(join(["a", "b", "c"], "and")).to.equal("a, b and c");
  });
});
