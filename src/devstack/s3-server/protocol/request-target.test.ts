import { expect } from "chai";
import { type Operation, operationOf } from "./operation.ts";
import { encodeUriStrictly, parseRequestTarget } from "./request-target.ts";

describe("parseRequestTarget", () => {
  it("never normalises the key", () => {
    expect(parseRequestTarget("/bucket/../a//./b%2F..").key).to.equal("../a//./b/..");
  });

  it("decodes UTF-8 and the query, with plus as a space there only", () => {
    const target = parseRequestTarget("/bucket/a+%C3%A9?x=1+2&flag&&y=a%3Db");
    expect(target.key).to.equal("a+é");
    expect([...target.query]).to.deep.equal([
      ["x", "1 2"],
      ["flag", ""],
      ["y", "a=b"],
    ]);
  });

  it("takes a key of 1,024 bytes and no longer one", () => {
    expect(parseRequestTarget(`/bucket/${"%C3%A9".repeat(512)}`).key).to.have.length(512);
    expect(() => parseRequestTarget(`/bucket/${"%C3%A9".repeat(512)}x`))
      .to.throw()
      .with.property("code", "KeyTooLongError");
  });

  for (const url of ["/bucket/%ff", "/bucket/%ED%A0%80", "/bucket/%zz", "/bucket/k?x=%ff", "*", "http://host/bucket"]) {
    it(`refuses ${url}`, () => {
      expect(() => parseRequestTarget(url))
        .to.throw()
        .with.property("code", "InvalidURI");
    });
  }
});

describe("encodeUriStrictly", () => {
  it("leaves only the unreserved characters", () => {
    expect(encodeUriStrictly("aZ0-_.~!'()* é/")).to.equal("aZ0-_.~%21%27%28%29%2A%20%C3%A9%2F");
  });
});

describe("operationOf", () => {
  const cases: [string, string, Operation | string][] = [
    ["GET", "/", "ListBuckets"],
    ["POST", "/", "MethodNotAllowed"],
    ["GET", "/b?location", "GetBucketLocation"],
    ["GET", "/b?uploads", "ListMultipartUploads"],
    ["GET", "/b?list-type=2", "ListObjectsV2"],
    ["GET", "/b", "NotImplemented"],
    ["HEAD", "/b/", "HeadBucket"],
    ["PUT", "/b", "CreateBucket"],
    ["DELETE", "/b", "DeleteBucket"],
    ["POST", "/b?delete", "DeleteObjects"],
    ["POST", "/b", "MethodNotAllowed"],
    ["PATCH", "/b", "MethodNotAllowed"],
    ["GET", "/b/k?uploadId=u", "ListParts"],
    ["GET", "/b/k?partNumber=1", "NotImplemented"],
    ["GET", "/b/k?versionId=null", "GetObject"],
    ["GET", "/b/k?versionId=v1", "GetObject"],
    ["DELETE", "/b/k?versionId=v1", "DeleteObject"],
    ["GET", "/b?versions", "ListObjectVersions"],
    ["GET", "/b?versioning", "GetBucketVersioning"],
    ["PUT", "/b?versioning", "PutBucketVersioning"],
    ["HEAD", "/b/k", "HeadObject"],
    ["PUT", "/b/k", "PutObject"],
    ["PUT", "/b/k?tagging", "NotImplemented"],
    ["PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"],
    ["DELETE", "/b/k", "DeleteObject"],
    ["DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"],
    ["POST", "/b/k?uploads", "CreateMultipartUpload"],
    ["POST", "/b/k?uploadId=u", "CompleteMultipartUpload"],
    ["POST", "/b/k", "MethodNotAllowed"],
    ["PATCH", "/b/k", "MethodNotAllowed"],
  ];
  for (const [method, url, expected] of cases) {
    it(`takes ${method} ${url} for ${expected}`, () => {
      let outcome: string;
      try {
        outcome = operationOf(method, parseRequestTarget(url), false);
      } catch (error) {
        outcome = (error as { code: string }).code;
      }
      expect(outcome).to.equal(expected);
    });
  }

  it("tells copies by their header", () => {
    expect(operationOf("PUT", parseRequestTarget("/b/k"), true)).to.equal("CopyObject");
    expect(operationOf("PUT", parseRequestTarget("/b/k?partNumber=1&uploadId=u"), true)).to.equal("UploadPartCopy");
  });
});
