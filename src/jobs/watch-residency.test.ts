import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import { BucketRegions } from "../domain/residency.ts";
import { sampleNamespaces } from "../testing/samples/sample-records.ts";
import { createResidencyWatch, type ResidencyLimits } from "./watch-residency.ts";

const MINUTE_MS = 60_000;
const LIMITS = { everyMs: 60 * MINUTE_MS, retryAfterMs: MINUTE_MS, bucketsMax: 100, inFlightMax: 2 };

describe("createResidencyWatch", () => {
  const open = (names: readonly string[], limits: ResidencyLimits = LIMITS) => {
    const clock = { nowMs: 1_700_000_000_000 };
    const [sample] = [...sampleNamespaces().values()] as [Namespace];
    const namespaces = new Map<string, Namespace>();
    const add = (name: string) => namespaces.set(name, { ...sample, name, bucket: `bucket-${name}` });
    for (const name of names) add(name);
    const actual = new Map<string, string | Error>();
    const asked: string[] = [];
    const reports: (string | undefined)[] = [];
    const logged: string[] = [];
    const regions = new BucketRegions();
    const watch = createResidencyWatch(
      {
        objects: {
          readBucketRegion: async (bucket) => {
            asked.push(bucket);
            const answer = actual.get(bucket) ?? "eu-central-1";
            if (answer instanceof Error) throw answer;
            return answer;
          },
        },
        regions,
        namespaces: () => namespaces,
        report: (problem) => reports.push(problem),
        log: { info: (_, message) => logged.push(message), warn: (_, message) => logged.push(message) },
        now: () => new Date(clock.nowMs),
      },
      limits,
    );
    return { clock, namespaces, add, actual, asked: () => asked.splice(0), reports, logged, regions, watch };
  };

  it("asks each bucket at the start and hourly, and one that is new at once", async () => {
    const { clock, add, asked, watch, regions } = open(["a", "b"]);
    await watch();
    expect(asked()).to.deep.equal(["bucket-a", "bucket-b"]);
    expect(regions.of("bucket-a")).to.deep.equal({ region: "eu-central-1", readTime: new Date(clock.nowMs) });
    clock.nowMs += 59 * MINUTE_MS;
    add("c");
    await watch();
    expect(asked()).to.deep.equal(["bucket-c"]);
    clock.nowMs += MINUTE_MS;
    await watch();
    expect(asked()).to.deep.equal(["bucket-a", "bucket-b"]);
  });

  it("reports which namespaces lie elsewhere, logs that once, and hears when it is over", async () => {
    const { clock, actual, reports, logged, watch } = open(["a", "b"]);
    actual.set("bucket-b", "us-east-1");
    await watch();
    await watch();
    expect(reports[0]).to.match(/^namespace b keeps files in eu-central-1, but bucket bucket-b lies in us-east-1/);
    expect(reports[1]).to.equal(reports[0]);
    actual.delete("bucket-b");
    clock.nowMs += 60 * MINUTE_MS;
    await watch();
    expect(reports[2]).to.equal(undefined);
    expect(logged).to.have.lengthOf(2);
  });

  it("names five namespaces at most", async () => {
    const { actual, reports, watch } = open(["a", "b", "c", "d", "e", "f", "g"]);
    for (const name of "abcdefg") actual.set(`bucket-${name}`, "us-east-1");
    await watch();
    expect(reports[0]?.split("; and 2 more")).to.have.lengthOf(2);
    expect(reports[0]).to.include("namespace e").and.not.include("namespace f");
  });

  it("keeps what it knows of a bucket that does not answer, and asks that again soon", async () => {
    const { clock, actual, asked, regions, namespaces, watch } = open(["a", "b"]);
    actual.set("bucket-a", "us-east-1");
    await watch();
    asked();
    const away = new DomainError("unavailable", "storage does not answer", { reason: "STORAGE_UNAVAILABLE" });
    actual.set("bucket-a", away);
    clock.nowMs += 60 * MINUTE_MS;
    await watch();
    expect(asked()).to.have.members(["bucket-a", "bucket-b"]);
    expect(regions.problemOf(namespaces.get("a") as Namespace)).to.include("us-east-1");
    clock.nowMs += MINUTE_MS;
    await watch();
    expect(asked()).to.deep.equal(["bucket-a"]);
  });

  it("asks a bounded number in one run, and goes on with those that have waited longest", async () => {
    const { clock, actual, asked, watch } = open(["a", "b", "c", "d", "e"], { ...LIMITS, bucketsMax: 2 });
    actual.set("bucket-a", new Error("never"));
    const runs: string[][] = [];
    for (let run = 0; run < 3; run++) {
      await watch();
      runs.push(asked());
      clock.nowMs += MINUTE_MS;
    }
    expect(runs).to.deep.equal([
      ["bucket-a", "bucket-b"],
      ["bucket-c", "bucket-d"],
      ["bucket-e", "bucket-a"],
    ]);
  });

  it("forgets the buckets of namespaces that are gone", async () => {
    const { namespaces, regions, asked, watch, add } = open(["a", "b"]);
    await watch();
    namespaces.delete("a");
    await watch();
    expect(regions.of("bucket-a")).to.equal(undefined);
    asked();
    add("a");
    await watch();
    expect(asked()).to.deep.equal(["bucket-a"]);
  });
});
