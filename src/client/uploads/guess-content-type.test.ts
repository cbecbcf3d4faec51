import { expect } from "chai";
import { guessContentType } from "./guess-content-type.ts";

describe("guessContentType", () => {
  for (const [paths, type] of [
    [["a/b.txt"], "text/plain"],
    [["A.PDF"], "application/pdf"],
    [["x.tar.gz"], "application/gzip"],
    [["report", "tables/report.csv"], "text/csv"],
    [["report.json", "report.csv"], "application/json"],
    [["txt"], "application/octet-stream"],
    [["a/.json"], "application/octet-stream"],
    [["v1.json/a"], "application/octet-stream"],
    [["a.unheard-of"], "application/octet-stream"],
    [[""], "application/octet-stream"],
  ] as const) {
    it(`takes ${paths.map((path) => `"${path}"`).join(", then ")} for ${type}`, () => {
      expect(guessContentType(...paths)).to.equal(type);
    });
  }
});
