import { expect } from "chai";
import { assertWritable, judgeReadConditions, quoteEtag, readWriteConditions } from "./preconditions.ts";

describe("conditions of a write", () => {
  const existing = { etag: '"e"', lastModified: 0 };
  const write = (headers: Record<string, string>) => readWriteConditions(new Map(Object.entries(headers)));

  it("If-None-Match: * needs the key to be free", () => {
    expect(() => assertWritable(undefined, write({ "if-none-match": "*" }))).not.to.throw();
    expect(() => assertWritable(existing, write({ "if-none-match": "*" })))
      .to.throw()
      .with.property("code", "PreconditionFailed");
  });

  it("If-None-Match takes nothing but *", () => {
    expect(() => write({ "if-none-match": '"e"' }))
      .to.throw()
      .with.property("code", "NotImplemented");
  });

  it("If-Match needs the very object", () => {
    expect(() => assertWritable(existing, write({ "if-match": "e" }))).not.to.throw();
    expect(() => assertWritable(existing, write({ "if-match": "*" }))).not.to.throw();
    expect(() => assertWritable(existing, write({ "if-match": '"other"' })))
      .to.throw()
      .with.property("code", "PreconditionFailed");
    expect(() => assertWritable(undefined, write({ "if-match": '"e"' })))
      .to.throw()
      .with.property("code", "NoSuchKey");
  });
});

describe("conditions of a read", () => {
  const object = { etag: '"e"', lastModified: Date.parse("2026-01-02T03:04:05.678Z") };
  const before = "Fri, 02 Jan 2026 03:04:04 GMT";
  const same = "Fri, 02 Jan 2026 03:04:05 GMT";
  const judge = (headers: Record<string, string>) => judgeReadConditions(new Map(Object.entries(headers)), object);

  const sends = [{}, { "if-match": '"e"' }, { "if-match": '"x", "e"' }, { "if-none-match": '"x"' }];
  for (const headers of [...sends, { "if-modified-since": before }, { "if-unmodified-since": same }]) {
    it(`send the object for ${JSON.stringify(headers)}`, () => {
      expect(judge(headers)).to.equal("send");
    });
  }

  for (const headers of [{ "if-none-match": 'W/"e"' }, { "if-none-match": "*" }, { "if-modified-since": same }]) {
    it(`find it not modified for ${JSON.stringify(headers)}`, () => {
      expect(judge(headers)).to.equal("not-modified");
    });
  }

  for (const headers of [{ "if-match": '"x"' }, { "if-unmodified-since": before }]) {
    it(`fail for ${JSON.stringify(headers)}`, () => {
      expect(() => judge(headers))
        .to.throw()
        .with.property("code", "PreconditionFailed");
    });
  }

  it("let If-Match and If-None-Match decide over dates", () => {
    expect(judge({ "if-match": '"e"', "if-unmodified-since": before })).to.equal("send");
    expect(judge({ "if-none-match": '"x"', "if-modified-since": same })).to.equal("send");
  });
});

describe("quoteEtag", () => {
  it("adds quotes where they are missing", () => {
    expect(["e", '"e"', "*"].map(quoteEtag)).to.deep.equal(['"e"', '"e"', "*"]);
  });
});
