import { expect } from "chai";
import {
  commitFile,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

let buckets = 0;

/** The contract of every FileRepository about where the bytes of namespaces lie. */
export function storedPlacesContract(subject: () => RepositorySubject): void {
  /** Two buckets that no other test has, in their order. */
  const nextBuckets = () => [`places-${10_000 + ++buckets}-a`, `places-${10_000 + buckets}-b`] as [string, string];
  const listed = async (...names: string[]) => {
    const places = await subject().files.listPlaces(["other", "default"], { limit: 1000 });
    return places.filter(({ bucket }) => names.includes(bucket));
  };

  it("counts generations and bytes by namespace, bucket and region, in their order", async () => {
    const [a, b] = nextBuckets();
    await commitFile(subject(), nextPath(), { bucket: b, region: "eu-central-1", namespace: "other" });
    await commitFile(subject(), nextPath(), { bucket: b, region: "eu-west-1" });
    await commitFile(subject(), nextPath(), { bucket: a, region: "eu-west-1" });
    await commitFile(subject(), nextPath(), { bucket: a, region: "eu-central-1" });
    const path = nextPath();
    await commitFile(subject(), path, { bucket: a, region: "eu-central-1" });
    await commitFile(subject(), path, { bucket: a, region: "eu-central-1" });
    await subject().files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    const place = { namespace: "default", generations: 1, sizeBytes: 10n };
    expect(await listed(a, b)).to.deep.equal([
      { ...place, bucket: a, region: "eu-central-1", generations: 3, sizeBytes: 30n },
      { ...place, bucket: a, region: "eu-west-1" },
      { ...place, bucket: b, region: "eu-west-1" },
      { ...place, bucket: b, region: "eu-central-1", namespace: "other" },
    ]);
    expect(await subject().files.listPlaces(["other"], { limit: 1000 })).to.satisfy((places: { namespace: string }[]) =>
      places.every(({ namespace }) => namespace === "other"),
    );
  });

  it("counts what is being removed, and not what is purged", async () => {
    const [bucket] = nextBuckets();
    const path = nextPath();
    await commitFile(subject(), path, { bucket });
    await subject().files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    const identity = nextIdentity({ method: "PurgeFile" });
    const { fileId } = await subject().files.beginPurge("default", path, { identity });
    expect(await listed(bucket)).to.have.lengthOf(1);
    await subject().files.endPurges("default", [fileId]);
    expect(await listed(bucket)).to.deep.equal([]);
  });

  it("lists no more than is asked for, and nothing of no namespace", async () => {
    const [a, b] = nextBuckets();
    for (const bucket of [a, b]) await commitFile(subject(), nextPath(), { bucket });
    expect(await subject().files.listPlaces(["default"], { limit: 1 })).to.have.lengthOf(1);
    expect(await subject().files.listPlaces([], { limit: 10 })).to.deep.equal([]);
  });
}
