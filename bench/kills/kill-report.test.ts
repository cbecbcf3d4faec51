import { expect } from "chai";
import { reportKills } from "./kill-report.ts";
import type { TrialOutcome, UploadOutcome } from "./kill-trial.ts";

describe("the report of kills", () => {
  const upload = {
    sizeBytes: 5000,
    sizeClass: "few parts",
    isSizeDeclared: true,
    contentAt: 0,
    transport: "stream",
  } as const;
  const good: UploadOutcome = { upload, path: "kill/0/0", resentBytes: 2000, wasHit: true, problems: [] };
  const trial = (...uploads: UploadOutcome[]): TrialOutcome => ({
    moment: { kind: "answer", step: "complete", delayMs: 0 },
    target: { kind: "tree", pick: 0 },
    wasAimed: true,
    uploads,
  });
  const report = (trials: TrialOutcome[], orphans: string[] = []) =>
    reportKills({ trials, orphans, partSizeBytes: 1000 });

  it("finds nothing wrong with uploads that came through", () => {
    const { text, problems } = report([trial(good), trial(good, good)]);
    expect(problems).to.deep.equal([]);
    expect(text).to.include("2 of 2 kills passed; 3 uploads interrupted; 0 orphans");
    expect(text).to.match(/S3 has done: complete +\| +2 \| +3 \| +3 \| +3 \| +2\.0 \|/);
  });

  it("says what is wrong with an upload, and when its service was killed", () => {
    const { text, problems } = report([trial(good, { ...good, problems: ["the bytes differ"] })]);
    expect(problems).to.have.lengthOf(1);
    expect(problems[0]).to.match(/^kill\/0\/0 \(5000 bytes; .*complete.*\): the bytes differ$/);
    expect(text).to.include("0 of 1 kills passed");
  });

  it("counts more parts sent twice than may be in flight as wrong", () => {
    expect(report([trial({ ...good, resentBytes: 17_000 })]).problems).to.deep.equal([]);
    expect(report([trial({ ...good, resentBytes: 17_001 })]).problems[0]).to.include(
      "17001 bytes were sent to S3 twice",
    );
    const undeclared = { ...upload, isSizeDeclared: false };
    expect(report([trial({ ...good, upload: undeclared, resentBytes: 36_000 })]).problems).to.deep.equal([]);
  });

  it("counts what is left in the bucket as wrong", () => {
    expect(report([trial(good)], ["key ab/x"]).problems).to.deep.equal(["orphan: key ab/x"]);
  });

  it("names every kind of moment", () => {
    const moments = [
      { kind: "bytes", fraction: 0.5, delayMs: 0 },
      { kind: "time", delayMs: 5 },
      { kind: "request", step: "create", delayMs: 0 },
    ] as const;
    const { text } = report(
      moments.map((moment) => ({
        moment,
        target: { kind: "tree" as const, pick: 0 },
        wasAimed: false,
        uploads: [good],
      })),
    );
    for (const words of ["between the bytes", "at any time", "S3 is asked to create"]) expect(text).to.include(words);
  });
});
