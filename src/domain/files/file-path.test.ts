import { expect } from "chai";
import { DomainError } from "../errors.ts";
import { PATH_MAX_BYTES, parseFilePath, parseNewFilePath } from "./file-path.ts";

function refusalOf(path: string, field?: string, parse = parseFilePath): DomainError {
  try {
    parse(path, field);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  return expect.fail(`${JSON.stringify(path)} was taken`);
}

describe("parseFilePath", () => {
  it("takes paths as people write them", () => {
    for (const path of [
      "a",
      "reports/2026/q1.pdf",
      "a b/c+d&e=f?.txt",
      "...",
      ".hidden",
      "日本語/🙂",
      "a\u00a0b",
      "\u202e\u05e9\u05dc\u05d5\u05dd/\u0645.pdf",
    ]) {
      expect(parseFilePath(path)).to.equal(path);
    }
  });

  it("makes two spellings of one text one path", () => {
    expect(parseFilePath("u\u0308ber")).to.equal("über");
    expect(parseFilePath("über")).to.equal("über");
  });

  for (const [path, sentence] of [
    ["", "it is empty"],
    ["/a", 'it begins with "/"'],
    ["a/", 'it ends with "/"'],
    ["a//b", "empty segment"],
    ["/", 'it begins with "/"'],
    [".", 'the segment "."'],
    ["a/./b", 'the segment "."'],
    ["a/../b", 'the segment ".."'],
    ["..", 'the segment ".."'],
    ["a\0b", "control character U+0000 at offset 1"],
    ["a\nb", "control character U+000A"],
    ["\u007f", "control character U+007F at offset 0"],
    ["ab\u0085", "control character U+0085 at offset 2"],
    ["a\ud800b", "lone surrogate"],
    ["\udc00", "lone surrogate"],
  ] as const) {
    it(`refuses ${JSON.stringify(path)}`, () => {
      const error = refusalOf(path);
      expect(error).to.include({ code: "invalid_argument", reason: "PATH_INVALID", field: "path" });
      expect(error.message).to.contain(sentence);
    });
  }

  it("takes as many bytes of UTF-8 as S3 takes in a key, and no more", () => {
    expect(PATH_MAX_BYTES).to.equal(1024);
    expect(parseFilePath("x".repeat(1024))).to.have.lengthOf(1024);
    expect(parseFilePath("ü".repeat(512))).to.have.lengthOf(512);
    const error = refusalOf(`${"ü".repeat(512)}x`, "new_path");
    expect(error).to.include({ reason: "PATH_INVALID", field: "new_path" });
    expect(error.details).to.deep.equal({ path_bytes: 1025, path_bytes_max: 1024 });
  });

  it("counts the bytes of the path that is kept", () => {
    // 1,536 bytes as sent, 1,024 in NFC.
    expect(parseFilePath("u\u0308".repeat(512))).to.equal("ü".repeat(512));
  });
});

describe("parseNewFilePath", () => {
  it("refuses what turns the direction of text, in sentences with the character and its place", () => {
    const turning = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"];
    for (const character of turning) {
      const error = refusalOf(`report${character}fdp.exe`, "target_path", parseNewFilePath);
      expect(error).to.include({ code: "invalid_argument", reason: "PATH_INVALID", field: "target_path" });
      const code = `U+${character.charCodeAt(0).toString(16).toUpperCase()}`;
      const sentence = `it holds ${code}, which turns the direction of text, at offset 6; leave it out`;
      expect(error.message).to.equal(`path is not valid: ${sentence}`);
    }
  });

  it("takes names that are written from right to left, with the marks of their scripts, and refuses all else that no path holds", () => {
    for (const path of ["\u05e9\u05dc\u05d5\u05dd\u200f (1).pdf", "\u0645\u061c/\u200ea", "u\u0308ber"]) {
      expect(parseNewFilePath(path)).to.equal(path.normalize("NFC"));
    }
    expect(refusalOf("a//b", undefined, parseNewFilePath)).to.include({ reason: "PATH_INVALID", field: "path" });
  });
});
