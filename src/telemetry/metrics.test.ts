import { readFileSync } from "node:fs";
import { expect } from "chai";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { BoundedNames } from "./bounded-names.ts";
import { METRICS, NAMESPACES_MAX, observeMetric, recordMetric } from "./metrics.ts";

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
    recordMetric("sluice.download.bytes", 1, {});
  });
});

describe("observeMetric", () => {
  const metrics = useCollectedMetrics();

  it("sums what has the same labels, and ends what is not observed any more", async () => {
    let open = ["a", "a", "b"];
    const read = () => open.map((bucket) => [1, { "aws.s3.bucket": bucket, "sluice.operation": "read" }] as const);
    observeMetric("sluice.s3.breakers.open", read);
    const labels = (bucket: string) => ({ "aws.s3.bucket": bucket, "sluice.operation": "read" });
    expect(await metrics.read("sluice.s3.breakers.open")).to.deep.equal([
      [2, labels("a")],
      [1, labels("b")],
    ]);
    open = ["b"];
    expect(await metrics.read("sluice.s3.breakers.open")).to.deep.equal([[1, labels("b")]]);
  });

  it("tells so many namespaces apart, and calls all others by one name", async () => {
    for (let n = 0; n < NAMESPACES_MAX + 10; n++)
      recordMetric("sluice.upload.received", 1, { "sluice.namespace": `bounded-${n}` });
    const found = await metrics.read("sluice.upload.received");
    expect(found.length).to.be.at.most(NAMESPACES_MAX + 1);
    expect(found.reduce((sum, [value]) => sum + (value as number), 0)).to.equal(NAMESPACES_MAX + 10);
    expect(found.map(([, labels]) => labels["sluice.namespace"])).to.include("other");
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
