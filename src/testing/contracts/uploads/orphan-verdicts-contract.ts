import { expect } from "chai";
import {
  beginNext,
  commitFile,
  createOpen,
  type RepositorySubject,
  sampleObject,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";
import { fromNow } from "../../rigs/from-now.ts";

const HOUR_MS = 3_600_000;

/** How an `OrphanJudge` judges what storage lists. */
export function orphanVerdictsContract(subject: () => RepositorySubject): void {
  const judgeMultiparts = (
    found: [key: string, multipartId: string][],
    { olderThanMs = 0, bucket = "bucket", namespace = "default" } = {},
  ) => {
    const initiated = fromNow(-HOUR_MS);
    const multiparts = found.map(([key, multipartId]) => ({ key, multipartId, initiated }));
    return subject().uploads.orphans.judgeMultiparts(bucket, multiparts, { namespace, olderThanMs });
  };
  const judgeKeys = (keys: string[], { olderThanMs = 0, bucket = "bucket", namespace = "default" } = {}) =>
    subject().uploads.orphans.judgeKeys(bucket, keys, { namespace, olderThanMs });
  const expire = async (uploadId: string) => {
    const due = await subject().uploads.sweep.expireDue("default", 1_000_000);
    expect(due.map((upload) => upload.uploadId)).to.include(uploadId);
  };

  describe("multipart uploads", () => {
    const begin = async () => {
      const upload = await createOpen(subject());
      await subject().uploads.writers.setMultipartId(upload.uploadId, `multipart of ${upload.uploadId}`);
      return { ...upload, multipartId: `multipart of ${upload.uploadId}` };
    };

    it("are kept while their upload owns them, and dead once it has ended", async () => {
      const [open, completing, assembled] = [await begin(), await begin(), await begin()];
      await subject().uploads.commits.beginCompletion(completing.uploadId, { crc32: 1 });
      await subject().uploads.commits.assemble(assembled.uploadId, sampleObject(assembled));
      const [aborted, lost] = [await begin(), await begin()];
      await subject().uploads.catalogue.abort("default", aborted.uploadId, TEST_ACTOR);
      await subject().uploads.writers.markLost(lost.uploadId, (await beginNext(subject(), lost)).epoch);
      const found = [open, completing, assembled, aborted, lost].map(({ s3Key, multipartId }): [string, string] => [
        s3Key,
        multipartId,
      ]);
      expect(await judgeMultiparts(found)).to.deep.equal(["kept", "kept", "kept", "dead", "dead"]);
      expect(await judgeMultiparts([]), "none").to.deep.equal([]);
    });

    it("are kept for the service of their namespace, whatever another may think of them", async () => {
      const { s3Key, uploadId, multipartId } = await begin();
      await subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
      const found: [string, string][] = [[s3Key, multipartId]];
      expect(await judgeMultiparts(found, { namespace: "other" })).to.deep.equal(["kept"]);
      expect(await judgeMultiparts(found)).to.deep.equal(["dead"]);
    });

    it("are dead beside the one that their upload owns", async () => {
      const { s3Key, multipartId } = await begin();
      const unset = await createOpen(subject());
      const found: [string, string][] = [
        ...[[s3Key, multipartId] as [string, string], [s3Key, "a loser"] as [string, string]],
        [unset.s3Key, "a loser too"],
      ];
      expect(await judgeMultiparts(found)).to.deep.equal(["kept", "dead", "dead"]);
      expect(await judgeMultiparts(found, { olderThanMs: 2 * HOUR_MS }), "young").to.deep.equal([
        "kept",
        "kept",
        "kept",
      ]);
    });

    it("are foreign under a key that no row knows, however old, and in another bucket", async () => {
      const { uploadId, s3Key, multipartId } = await begin();
      await subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
      expect(
        await judgeMultiparts([
          ["nobody's", "unknown"],
          [`${s3Key}.1`, multipartId],
        ]),
      ).to.deep.equal([...["foreign", "foreign"]]);
      expect(await judgeMultiparts([[s3Key, multipartId]], { bucket: "another" })).to.deep.equal(["foreign"]);
    });
  });

  describe("keys", () => {
    it("are kept while their upload lives, and dead once it has ended and all has settled", async () => {
      const open = await createOpen(subject());
      const { epoch } = await beginNext(subject(), open);
      for (const _ of [1, 2]) await subject().uploads.writers.beginPutAttempt(open.uploadId, epoch);
      const keys = [`${open.s3Key}.1`, `${open.s3Key}.2`];
      expect(await judgeKeys(keys)).to.deep.equal(["kept", "kept"]);
      await subject().uploads.catalogue.abort("default", open.uploadId, TEST_ACTOR);
      expect(await judgeKeys(keys, { olderThanMs: HOUR_MS }), "young").to.deep.equal(["kept", "kept"]);
      expect(await judgeKeys(keys, { namespace: "other" }), "another's").to.deep.equal(["kept", "kept"]);
      expect(await judgeKeys(keys)).to.deep.equal(["dead", "dead"]);
      expect(await judgeKeys(keys, { bucket: "another" })).to.deep.equal(["foreign", "foreign"]);
      expect(await judgeKeys([])).to.deep.equal([]);
    });

    it("are dead of attempts that lost, and kept of the one that a file names", async () => {
      const upload = await createOpen(subject());
      const { epoch } = await beginNext(subject(), upload);
      for (const _ of [1, 2]) await subject().uploads.writers.beginPutAttempt(upload.uploadId, epoch);
      const object = sampleObject(upload, { key: `${upload.s3Key}.2` });
      await subject().uploads.commits.commit(upload.uploadId, { fileId: upload.uploadId, retentionMs: 0, object });
      const keys = [1, 2].map((attempt) => `${upload.s3Key}.${attempt}`);
      expect(await judgeKeys(keys)).to.deep.equal(["dead", "kept"]);
      await commitFile(subject(), upload.path);
      expect(await judgeKeys(keys), "superseded").to.deep.equal(["dead", "kept"]);
    });

    it("are dead of an assembled object whose upload has expired", async () => {
      const upload = await createOpen(subject(), { expireAfterMs: 0 });
      await subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload, { key: upload.s3Key }));
      expect(await judgeKeys([upload.s3Key])).to.deep.equal(["kept"]);
      await expire(upload.uploadId);
      expect(await judgeKeys([upload.s3Key])).to.deep.equal(["dead"]);
    });

    it("are foreign where the row cannot have made them, as after a restore", async () => {
      const upload = await createOpen(subject(), { expireAfterMs: 0 });
      await expire(upload.uploadId);
      const { s3Key } = upload;
      const keys = [s3Key, `${s3Key}.1`, `${s3Key}.0`, `${s3Key}.01`, `${s3Key}.x`, `${s3Key}.12345678901`, "other"];
      expect(await judgeKeys(keys)).to.deep.equal(keys.map(() => "foreign"));
    });

    it("are kept until the last URL of a dead upload has settled", async () => {
      const upload = await createOpen(subject(), { sizeBytes: 10 });
      const part = { partNumber: 1, lengthBytes: 10, crc32: 1 };
      const options = { instance: "test", expireAfterMs: 1, lifetimeMs: HOUR_MS };
      await subject().uploads.writers.claimPresigned("default", upload.uploadId, [part], options);
      await beginNext(subject(), upload).then(({ epoch }) =>
        subject().uploads.writers.beginPutAttempt(upload.uploadId, epoch),
      );
      await subject().uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
      expect(await judgeKeys([`${upload.s3Key}.1`])).to.deep.equal(["kept"]);
    });
  });
}
