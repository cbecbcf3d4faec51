import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { STEADY_LIMITS } from "../domain/limits/steady-health.ts";
import { createBucketCheck } from "./check-buckets.ts";

describe("createBucketCheck", () => {
  const open = (...names: string[]) => {
    const buckets = new Set(names);
    const ill = new Set<string>();
    const silent = new Set<string>();
    const asked: string[] = [];
    let nowMs = 0;
    const checkBucket = async (bucket: string, { signal }: { signal?: AbortSignal } = {}) => {
      asked.push(bucket);
      if (silent.has(bucket)) {
        await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      }
      if (ill.has(bucket))
        throw new DomainError("unavailable", `bucket ${bucket}: ill`, { reason: "STORAGE_UNAVAILABLE" });
    };
    /** Each bucket has two namespaces. */
    const namespaces = () => [...buckets].flatMap((bucket) => ["1", "2"].map((n) => ({ name: bucket + n, bucket })));
    const checkOnce = createBucketCheck({ checkBucket }, { namespaces, now: () => nowMs, answerMaxMs: 1 });
    /** As many checks as change what is believed. */
    const check = async () => {
      for (let checks = 1; checks < STEADY_LIMITS.awayAfterChecks; checks++) await checkOnce();
      nowMs += STEADY_LIMITS.wellAfterMs;
      return await checkOnce();
    };
    return { buckets, ill, silent, asked: () => asked.splice(0), checkOnce, check };
  };
  const WELL = { problem: undefined, isAway: false, namespaces: [] };

  it("says that storage is away when no bucket answers, and nothing when all do", async () => {
    const { ill, check } = open("a", "b");
    expect(await check()).to.deep.equal(WELL);
    for (const bucket of ["a", "b"]) ill.add(bucket);
    const namespaces = ["a1", "a2", "b1", "b2"];
    expect(await check()).to.deep.equal({ problem: "bucket a: ill; and 1 more", isAway: true, namespaces });
    ill.clear();
    expect(await check()).to.deep.equal(WELL);
  });

  it("says which bucket fails alone, how many more, and whose they are", async () => {
    const { ill, check } = open("a", "b", "c");
    await check();
    ill.add("b");
    expect(await check()).to.deep.equal({ problem: "bucket b: ill", isAway: false, namespaces: ["b1", "b2"] });
    ill.add("c");
    const both = { problem: "bucket b: ill; and 1 more", isAway: false, namespaces: ["b1", "b2", "c1", "c2"] };
    expect(await check()).to.deep.equal(both);
  });

  it("changes its mind by no single check", async () => {
    const { ill, checkOnce } = open("a");
    await checkOnce();
    ill.add("a");
    expect(await checkOnce()).to.deep.equal(WELL);
    ill.clear();
    expect(await checkOnce()).to.deep.equal(WELL);
  });

  it("waits no longer than that for a bucket that is silent", async () => {
    const { silent, checkOnce } = open("a", "b");
    silent.add("b");
    const problem = "bucket b: storage does not answer within a second";
    expect(await checkOnce()).to.deep.equal({ problem, isAway: false, namespaces: ["b1", "b2"] });
  });

  it("asks four at a time, in turns, and remembers the others", async () => {
    const { ill, asked, checkOnce } = open("a", "b", "c", "d", "e", "f");
    ill.add("a");
    await checkOnce();
    expect(asked()).to.deep.equal(["a", "b", "c", "d"]);
    expect((await checkOnce()).problem).to.equal("bucket a: ill");
    expect(asked()).to.deep.equal(["e", "f", "a", "b"]);
  });

  it("forgets buckets that are gone, and asks those that are new first", async () => {
    const { buckets, ill, asked, checkOnce } = open("a", "b");
    ill.add("a");
    await checkOnce();
    buckets.delete("a");
    buckets.add("z");
    asked();
    expect(await checkOnce()).to.deep.equal(WELL);
    expect(asked()).to.deep.equal(["z", "b"]);
  });

  it("finds nothing wrong where there is no namespace yet", async () => {
    expect(await open().check()).to.deep.equal(WELL);
  });
});
