import { expect } from "chai";
import { DomainError } from "../errors.ts";
import { type FileRetention, parseFileRetention } from "./file-retention.ts";

const FILE = { path: "a/b", generation: 3, createTime: new Date("2026-01-02T03:04:05Z") };
const NONE: FileRetention = { legalHold: false, retainUntilTime: undefined };
const until = (text: string): FileRetention => ({ ...NONE, retainUntilTime: new Date(text) });

function refusalOf(wanted: FileRetention, current: FileRetention = NONE): DomainError {
  try {
    parseFileRetention(wanted, { ...FILE, ...current });
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  return expect.fail(`${JSON.stringify(wanted)} was taken`);
}

describe("parseFileRetention", () => {
  it("sets and lifts a hold, and extends a retention", () => {
    for (const legalHold of [true, false]) {
      const wanted = { legalHold, retainUntilTime: new Date("2027-01-01T00:00:00Z") };
      expect(parseFileRetention(wanted, { ...FILE, ...NONE })).to.deep.equal(wanted);
      expect(parseFileRetention(wanted, { ...FILE, ...until("2026-12-31T23:59:59.999Z") })).to.deep.equal(wanted);
      expect(parseFileRetention(wanted, { ...FILE, ...wanted, legalHold: !legalHold })).to.deep.equal(wanted);
    }
  });

  it("neither shortens a retention nor takes it away", () => {
    const current = until("2027-01-01T00:00:00Z");
    const shorter = refusalOf(until("2026-12-31T23:59:59.999Z"), current);
    expect(shorter).to.include({ code: "failed_precondition", reason: "FILE_RETAINED" });
    expect(shorter.message).to.include("never shortened to 2026-12-31T23:59:59.999Z");
    expect(refusalOf(NONE, current).message).to.include("never taken away");
  });

  it("takes times from the commit to 100 years after it", () => {
    for (const text of ["2026-01-02T03:04:05Z", "2126-01-02T03:04:05Z"]) {
      expect(parseFileRetention(until(text), { ...FILE, ...NONE })).to.deep.equal(until(text));
    }
    for (const text of ["2026-01-02T03:04:04.999Z", "2126-01-02T03:04:05.001Z", "+275000-01-01T00:00:00Z", "no time"]) {
      const error = refusalOf(until(text));
      expect(error, text).to.include({ code: "invalid_argument", field: "retain_until_time" });
      expect(error.message).to.include("2126-01-02T03:04:05.000Z");
    }
  });
});
