import { expect } from "chai";
import {
  commitFile,
  nextIdentity,
  nextPath,
  nextUuid,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about what its rows say of objects. */
export function fileObjectsContract(subject: () => RepositorySubject): void {
  const commit = async (s3Key: string, bucket: string) =>
    (await commitFile(subject(), nextPath(), { s3Key, bucket })).file as NonNullable<
      Awaited<ReturnType<typeof commitFile>>["file"]
    >;

  it("lists them by the bytes of their keys, in pages, those under the prefix alone", async () => {
    const bucket = `objects-${nextUuid()}`;
    const names = ["a", "a/b", "a-b", "B", "z", "\u00fc", "\uffee", "\u{1f600}"];
    for (const name of names) await commit(`own/${name}`, bucket);
    for (const key of ["own", "owo/a", "other/a"]) await commit(key, bucket);
    await commit("own/elsewhere", `${bucket}-2`);
    const found: string[] = [];
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page: { s3Key: string }[] = await subject().files.listObjects(bucket, {
        ...{ keyPrefix: "own/", after, limit: 3 },
      });
      expect(page.length).to.be.at.most(3);
      found.push(...page.map(({ s3Key }) => s3Key));
      after = page.at(-1)?.s3Key;
    }
    const sorted = names.map((name) => Buffer.from(`own/${name}.1`)).sort(Buffer.compare);
    expect(found).to.deep.equal(sorted.map(String));
    const all = await subject().files.listObjects(bucket, { keyPrefix: "", after: "", limit: 100 });
    expect(all).to.have.lengthOf(names.length + 3);
  });

  it("says what the row says, of purged generations too, and finds keys", async () => {
    const bucket = `objects-${nextUuid()}`;
    const [live, gone] = [await commit("a", bucket), await commit("b", bucket)];
    await subject().files.delete("default", gone.path, { identity: nextIdentity(), retentionMs: 1000 });
    await subject().files.beginPurge("default", gone.path, { identity: nextIdentity() });
    await subject().files.endPurges("default", [gone.fileId]);
    const { fileId, path, s3VersionId, s3Etag, sizeBytes, crc32 } = live;
    const of = { namespace: "default", generation: 1, s3VersionId, sizeBytes };
    const expected = [
      { ...of, fileId, path, crc32, s3Etag, s3Key: "a.1", purgeState: undefined },
      { ...of, fileId: gone.fileId, path: gone.path, crc32: 0, s3Etag: "", s3Key: "b.1", purgeState: "purged" },
    ];
    const options = { keyPrefix: "", after: "", limit: 10 };
    expect(await subject().files.listObjects(bucket, options)).to.deep.equal(expected);
    expect(await subject().files.findObjects(bucket, ["b.1", "c.1"])).to.deep.equal([expected[1]]);
    expect(await subject().files.findObjects(bucket, [])).to.deep.equal([]);
  });
}
