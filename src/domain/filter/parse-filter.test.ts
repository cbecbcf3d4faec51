import { expect } from "chai";
import { DomainError } from "../errors.ts";
import type { FileFilter } from "./file-filter.ts";
import { parseFileFilter } from "./file-filter.ts";
import { FILTER_NESTING_MAX, FILTER_TERMS_MAX } from "./filter-syntax.ts";
import { FILTER_MAX_BYTES } from "./filter-tokens.ts";

const words = (...texts: string[]): FileFilter => ({
  kind: "words",
  words: texts.map((text) => ({ text: text.replace(/\*$/, ""), isPrefix: text.endsWith("*") })),
});
const not = (of: FileFilter): FileFilter => ({ kind: "not", of });
const and = (...of: FileFilter[]): FileFilter => ({ kind: "and", of });
const or = (...of: FileFilter[]): FileFilter => ({ kind: "or", of });
const size = (comparison: "=" | ">" | "<=", value: number): FileFilter => ({
  kind: "number",
  field: "size_bytes",
  comparison,
  value,
});
const label = (name: string, value: string): FileFilter => ({
  kind: "text",
  field: { map: "labels", name },
  comparison: "=",
  value,
});
const time = (value: string): FileFilter => ({
  kind: "time",
  field: "create_time",
  comparison: ">",
  value: new Date(value),
});
const flag = (field: "legal_hold" | "purged", value: boolean): FileFilter => ({ kind: "flag", field, value });
const retained = (value: string): FileFilter => ({
  kind: "time",
  field: "retain_until_time",
  comparison: ">=",
  value: new Date(value),
});
const type = (value: string): FileFilter => ({ kind: "text", field: "content_type", comparison: "=", value });
const path = (...pieces: string[]): FileFilter => ({ kind: "like", field: "path", pieces });

describe("parseFilter", () => {
  for (const filter of ["", "  \n\t"]) {
    it(`finds nothing in ${JSON.stringify(filter)}`, () => expect(parseFileFilter(filter)).to.equal(undefined));
  }

  for (const [filter, expected] of [
    ["a b AND c", and(words("a"), words("b"), words("c"))],
    ["a OR b c OR d", and(or(words("a"), words("b")), or(words("c"), words("d")))],
    ["a (b c) OR d", and(words("a"), or(and(words("b"), words("c")), words("d")))],
    ["((a))", words("a")],
    ["NOT a -b", and(not(words("a")), not(words("b")))],
    ["NOT (a OR -b)", not(or(words("a"), not(words("b"))))],
    ["-labels.team=x", not(label("team", "x"))],
    ["and or not", and(words("and"), words("or"), words("not"))],
    ["Report.PDF", words("report", "pdf")],
    ["invoice-2026*", words("invoice", "2026*")],
    ['"annual \\"report\\""', words("annual", "report")],
    ["2026-01-31", words("2026", "01", "31")],
    ["size_bytes > 1048576", size(">", 1_048_576)],
    ["size_bytes<=-1", size("<=", -1)],
    ['size_bytes = "7"', size("=", 7)],
    ["size_bytes != 7", not(size("=", 7))],
    ["size_bytes=9007199254740991", size("=", Number.MAX_SAFE_INTEGER)],
    ['create_time > "2026-01-01T00:00:00Z"', time("2026-01-01T00:00:00Z")],
    ["create_time > 2026-01-01T01:30:00.5+01:30", time("2026-01-01T00:00:00.5Z")],
    ["create_time>2026-01-01", time("2026-01-01")],
    ["(create_time>2026-01-01)", time("2026-01-01")],
    ["delete_time:*", { kind: "present", field: "delete_time" }],
    ["size_bytes:*", { kind: "present", field: "size_bytes" }],
    ["legal_hold = true", flag("legal_hold", true)],
    ['purged="false"', flag("purged", false)],
    ["legal_hold != true", not(flag("legal_hold", true))],
    ["-purged:*", not({ kind: "present", field: "purged" })],
    ["retain_until_time >= 2030-01-01", retained("2030-01-01")],
    ["retain_until_time:*", { kind: "present", field: "retain_until_time" }],
    ["sha256:*", { kind: "present", field: "sha256" }],
    ["content_type = image/svg.xml", type("image/svg.xml")],
    ["content_type=-a.b", type("-a.b")],
    ['content_type:"image/"', { kind: "like", field: "content_type", pieces: ["", "image/", ""] }],
    ["path = reports/*", path("reports/", "")],
    ["path = *.pdf", path("", ".pdf")],
    ["path = a.*.b", path("a.", ".b")],
    ["path = a\\*b", { kind: "text", field: "path", comparison: "=", value: "a*b" }],
    ["path:a*b", path("", "a", "b", "")],
    ['path = "100%_\\\\(.*)+$"', path("100%_\\(.", ")+$")],
    ["path = u\u0308ber/*", path("\u00fcber/", "")],
    ["path >= b", { kind: "text", field: "path", comparison: ">=", value: "b" }],
    [
      'path = "\u05e9\u05dc\u05d5\u05dd/\u{1f600}"',
      { kind: "text", field: "path", comparison: "=", value: "\u05e9\u05dc\u05d5\u05dd/\u{1f600}" },
    ],
    ['labels.team = "a" AND labels.env != b', and(label("team", "a"), not(label("env", "b")))],
    ["labels.team = 5", label("team", "5")],
    ["labels:team", { kind: "present", field: { map: "labels", name: "team" } }],
    ["labels:*", { kind: "present", field: "labels" }],
    ["labels.team:*", { kind: "present", field: { map: "labels", name: "team" } }],
    ["labels.team:x", { kind: "like", field: { map: "labels", name: "team" }, pieces: ["", "x", ""] }],
    [
      'metadata."Any.Key" = "x"',
      { kind: "text", field: { map: "metadata", name: "Any.Key" }, comparison: "=", value: "x" },
    ],
    ["metadata:'a b'", { kind: "present", field: { map: "metadata", name: "a b" } }],
  ] as [string, FileFilter][]) {
    it(`reads ${filter}`, () => expect(parseFileFilter(filter)).to.deep.equal(expected));
  }

  it("reads as many parentheses and terms as it may", () => {
    const nested = `${"(".repeat(FILTER_NESTING_MAX)}a${")".repeat(FILTER_NESTING_MAX)}`;
    expect(parseFileFilter(nested)).to.deep.equal(words("a"));
    expect(parseFileFilter("(a) ".repeat(FILTER_TERMS_MAX)))
      .to.have.property("of")
      .with.length(FILTER_TERMS_MAX);
  });

  for (const [filter, column, expected] of [
    ["colour = red", 1, "a field of File"],
    ["size_bytes > 5 AND colour:*", 20, "a field of File"],
    ['"path" = = x', 10, "a value"],
    ["size_bytes > large", 14, "a whole number"],
    ["size_bytes = 1.5", 14, "a whole number"],
    ["size_bytes = 9007199254740992", 14, "a whole number"],
    ["size_bytes : 5", 12, "=, !="],
    ["create_time > yesterday", 15, "a time like"],
    ["create_time > 2026-02-30", 15, "a time like"],
    ['create_time > "2026-01-01T25:00:00Z"', 15, "a time like"],
    ["create_time > 5", 15, "a time like"],
    ["retain_until_time = true", 21, "a time like"],
    ["legal_hold = yes", 14, "true or false"],
    ["legal_hold = TRUE", 14, "true or false"],
    ["legal_hold = 1", 14, "true or false"],
    ["legal_hold > false", 12, "= or !="],
    ["purged:true", 7, "= or !="],
    ["purge_state = purged", 1, "a field of File"],
    ["path < a*", 8, 'a value without "*"'],
    ["labels = x", 8, '":"'],
    ["labels.a.b = x", 10, "quote a name"],
    ["path.a = x", 1, "labels or metadata before a dot"],
    ["a AND", 6, "a field, a word"],
    ["AND a", 1, "a field, a word"],
    ["a OR OR b", 6, "a field, a word"],
    ["NOT", 4, "a field, a word"],
    ["NOT NOT a", 5, "a field, a word"],
    ["a )", 3, "AND, OR"],
    ["(a", 3, 'a closing ")"'],
    ["()", 2, "a field, a word"],
    ["f(x)", 2, "functions are not known"],
    ['path = "x', 8, 'a closing "'],
    ["path = ", 8, "a value"],
    ["path = AND", 8, "a value"],
    ['path = -"a"', 8, "a value"],
    ["a.", 3, "a name after the dot"],
    ["a . b", 3, "a field, a word"],
    ["a, b", 2, "a field, a value or an operator"],
    ["\\", 1, "a field, a value or an operator"],
    ['"--"', 1, "a word of letters or digits"],
    ["*a", 1, 'no "*" but one'],
    ["a-*", 1, 'no "*" but one'],
    ["a\u0000", 1, "well-formed text"],
    ['path = "\ud800"', 8, "well-formed text"],
    [`${"(".repeat(1000)}a${")".repeat(1000)}`, FILTER_NESTING_MAX + 1, "at most 32 parentheses"],
    ["-(".repeat(1000), FILTER_NESTING_MAX * 2 + 2, "at most 32 parentheses"],
    ["a ".repeat(FILTER_TERMS_MAX + 1), FILTER_TERMS_MAX * 2 + 1, "at most 100 terms"],
    ["a".repeat(2 ** 20), 1, "at most 8192 bytes"],
    [`${"é".repeat(FILTER_MAX_BYTES / 2)}é`, 1, "at most 8192 bytes"],
  ] as const) {
    it(`refuses ${JSON.stringify(filter.slice(0, 40))} at character ${column}`, () => {
      const error = catchRefusal(() => parseFileFilter(filter));
      expect(error).to.include({ code: "invalid_argument", reason: "FILTER_INVALID", field: "filter" });
      expect(error.details.position, error.message).to.equal(column);
      expect(error.details.expected).to.contain(expected);
      expect(error.message).to.contain(`character ${column}`).and.have.length.below(600);
    });
  }
});

function catchRefusal(call: () => unknown): DomainError {
  try {
    call();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  return expect.fail("nothing was refused");
}
