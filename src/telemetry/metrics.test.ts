import { readFileSync } from "node:fs";
import { expect } from "chai";
import { BoundedNames } from "./bounded-names.ts";
import { METRICS, recordMetric } from "./metrics.ts";

const PAGE = new URL("../../docs/operating.md", import.meta.url);

describe("METRICS", () => {
  it("are those of the table in docs/operating.md", () => {
    const rows = Object.entries(METRICS).map(([name, { kind, unit, says, labels }]) => {
      const named = labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${kind} | \`${unit}\` | ${says} | ${named} |`;
    });
    const lines = readFileSync(PAGE, "utf8").split("\n");
    const from = lines.indexOf("| Metric | Kind | Unit | Says | Labels |");
    expect(lines.slice(from + 2, lines.indexOf("", from)).join("\n")).to.equal(rows.join("\n"));
  });

  it("cost nothing where nobody collects them", () => {
    recordMetric("sluice.file.bytes", 1, {});
  });
});

describe("BoundedNames", () => {
  it("keeps the first names apart, and calls all others by one", () => {
    const names = new BoundedNames(2);
    expect(["a", "b", "a", "c", "d", "b"].map((name) => names.of(name))).to.deep.equal([
      "a",
      "b",
      "a",
      "other",
      "other",
      "b",
    ]);
  });
});
