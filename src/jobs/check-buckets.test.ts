import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { createBucketCheck } from "./check-buckets.ts";

describe("createBucketCheck", () => {
  const open = (...names: string[]) => {
    const buckets = new Set(names);
    const ill = new Set<string>();
    const asked: string[] = [];
    const checkBucket = async (bucket: string) => {
      asked.push(bucket);
      if (ill.has(bucket))
        throw new DomainError("unavailable", `bucket ${bucket}: ill`, { reason: "STORAGE_UNAVAILABLE" });
    };
    return { buckets, ill, asked: () => asked.splice(0), check: createBucketCheck({ checkBucket }, () => buckets) };
  };

  it("says that storage is away when no bucket answers, and nothing when all do", async () => {
    const { ill, check } = open("a", "b");
    expect(await check()).to.deep.equal({ problem: undefined, degradation: undefined });
    for (const bucket of ["a", "b"]) ill.add(bucket);
    expect(await check()).to.deep.equal({ problem: "bucket a: ill", degradation: undefined });
  });

  it("says which bucket fails alone, and how many more", async () => {
    const { ill, check } = open("a", "b", "c");
    ill.add("b");
    expect(await check()).to.deep.equal({ problem: undefined, degradation: "bucket b: ill" });
    ill.add("c");
    expect(await check()).to.deep.equal({ problem: undefined, degradation: "bucket b: ill; and 1 more" });
  });

  it("asks four at a time, in turns, and remembers the others", async () => {
    const { ill, asked, check } = open("a", "b", "c", "d", "e", "f");
    ill.add("a");
    await check();
    expect(asked()).to.deep.equal(["a", "b", "c", "d"]);
    expect((await check()).degradation).to.equal("bucket a: ill");
    expect(asked()).to.deep.equal(["e", "f", "a", "b"]);
  });

  it("forgets buckets that are gone, and asks those that are new first", async () => {
    const { buckets, ill, asked, check } = open("a", "b");
    ill.add("a");
    await check();
    buckets.delete("a");
    buckets.add("z");
    asked();
    expect(await check()).to.deep.equal({ problem: undefined, degradation: undefined });
    expect(asked()).to.deep.equal(["z", "b"]);
  });

  it("finds nothing wrong where there is no namespace yet", async () => {
    expect(await open().check()).to.deep.equal({ problem: undefined, degradation: undefined });
  });
});
