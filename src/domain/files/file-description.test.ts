import { expect } from "chai";
import { DomainError } from "../errors.ts";
import { DESCRIPTION_LIMITS, type FileDescription, parseFileDescription } from "./file-description.ts";

const EMPTY: FileDescription = { contentType: "", metadata: {}, labels: {}, dataSubject: "" };

describe("parseFileDescription", () => {
  const fieldOf = (part: Partial<FileDescription>): string | undefined => {
    try {
      parseFileDescription({ ...EMPTY, ...part });
      return undefined;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      expect(error.code).to.equal("invalid_argument");
      return error.field;
    }
  };
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, "v"]));

  it("takes what is within the bounds, and names a media type where none is given", () => {
    expect(parseFileDescription(EMPTY)).to.deep.equal({ ...EMPTY, contentType: "application/octet-stream" });
    const full: FileDescription = {
      contentType: "a".repeat(DESCRIPTION_LIMITS.contentTypeMaxBytes),
      metadata: { "Any Name ü": "a\nb", n: "v".repeat(DESCRIPTION_LIMITS.metadataMaxBytes - 1 - 11 - 3) },
      labels: { ...many(DESCRIPTION_LIMITS.labelsMax - 1), [`a${"B-_9".repeat(15)}zz`]: "é".repeat(128) },
      dataSubject: "s".repeat(DESCRIPTION_LIMITS.dataSubjectMaxBytes),
    };
    expect(parseFileDescription(full)).to.deep.equal(full);
  });

  it("refuses media types that are too long or not printable ASCII", () => {
    expect(fieldOf({ contentType: "a".repeat(256) })).to.equal("content_type");
    expect(fieldOf({ contentType: "text/plain\r\nx: y" })).to.equal("content_type");
    expect(fieldOf({ contentType: "é" })).to.equal("content_type");
  });

  it("refuses metadata with too many entries, too many bytes, empty names, NUL or lone surrogates", () => {
    expect(fieldOf({ metadata: many(64) })).to.equal(undefined);
    expect(fieldOf({ metadata: many(65) })).to.equal("metadata");
    expect(fieldOf({ metadata: { n: "v".repeat(8192) } })).to.equal("metadata");
    for (const metadata of [{ "": "v" }, { n: "\0" }, { "\0": "v" }, { n: "\ud800" }, { "\udc00": "v" }]) {
      expect(fieldOf({ metadata }), JSON.stringify(metadata)).to.equal("metadata");
    }
  });

  it("refuses labels with too many entries, bad names or bad values", () => {
    expect(fieldOf({ labels: many(65) })).to.equal("labels");
    for (const name of ["", "A", "1a", "a b", "a.b", "é", `a${"b".repeat(63)}`, "a\n", "-a", "a'b"]) {
      expect(fieldOf({ labels: { [name]: "v" } }), name).to.equal("labels");
    }
    for (const value of ["v".repeat(257), "a\nb", "\0", "\ud800"]) {
      expect(fieldOf({ labels: { n: value } }), value.slice(0, 5)).to.equal("labels");
    }
    expect(fieldOf({ labels: { n: "" } })).to.equal(undefined);
  });

  it("refuses data subjects that are too long or hold control characters", () => {
    for (const dataSubject of ["s".repeat(257), "a\u0007", "\ud800"]) {
      expect(fieldOf({ dataSubject }), dataSubject.slice(0, 5)).to.equal("data_subject");
    }
  });
});
