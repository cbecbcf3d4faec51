import { expect } from "chai";
import type { NewUpload } from "../../../domain/uploads/upload-catalogue.ts";
import {
  commitFile,
  createOpen,
  expectRefusal,
  nextPath,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

const ALL = 1_000_000;

/** The contract of UploadCommits about a commit that was asked for: the sweeper finishes the commits that a crash has left. */
export function wantedCommitContract(subject: () => RepositorySubject): void {
  const isStuck = async (uploadId: string, olderThanMs = 0) => {
    const { uploads } = await subject().uploads.sweep.listStuck("default", { olderThanMs, after: "", limit: ALL });
    return uploads.some((upload) => upload.uploadId === uploadId);
  };
  const isExpired = async (uploadId: string) => {
    await subject().uploads.sweep.expireDue("default", ALL);
    return (await subject().uploads.catalogue.get("default", uploadId)).upload.state === "expired";
  };
  const commit = (uploadId: string, ifGenerationMatch?: number) =>
    subject().uploads.commits.commit(uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
    });
  /** Assembled by way of `completing`, as a multipart upload is. */
  const assembleCompleted = async (overrides: Partial<NewUpload> = {}) => {
    const upload = await createOpen(subject(), overrides);
    await subject().uploads.commits.beginCompletion(upload.uploadId, { crc32: 1 });
    await subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload));
    return upload;
  };

  it("wants the commit of an upload that was completing, or is assembled for one", async () => {
    const multipart = await assembleCompleted();
    const put = await createOpen(subject());
    const wish = { isCommitWanted: true, ifGenerationMatch: 7 };
    const assembled = await subject().uploads.commits.assemble(put.uploadId, sampleObject(put), wish);
    expect(assembled.ifGenerationMatch).to.equal(7);
    for (const { uploadId } of [multipart, put]) {
      expect(await isStuck(uploadId)).to.equal(true);
      expect(await isStuck(uploadId, 60_000), "not for long yet").to.equal(false);
    }
  });

  it("leaves an upload alone that is assembled for a later call", async () => {
    const { uploadId, s3Key } = await createOpen(subject(), { expireAfterMs: 0 });
    await subject().uploads.commits.assemble(uploadId, sampleObject({ s3Key }), { isCommitWanted: false });
    expect(await isStuck(uploadId)).to.equal(false);
    expect(await isExpired(uploadId)).to.equal(true);
  });

  it("expires no upload whose commit is wanted", async () => {
    const { uploadId } = await assembleCompleted({ expireAfterMs: 0 });
    expect(await isExpired(uploadId)).to.equal(false);
    expect((await commit(uploadId)).kind).to.equal("committed");
    expect(await isStuck(uploadId)).to.equal(false);
  });

  it("no longer wants a commit that its precondition has refused, until somebody does again", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    const { uploadId } = await assembleCompleted({ path, expireAfterMs: 0 });
    expect((await commit(uploadId, 9)).kind).to.equal("generation-mismatch");
    expect(await isStuck(uploadId)).to.equal(false);
    await subject().uploads.commits.noteCommit(uploadId, { isWanted: true });
    expect(await isStuck(uploadId)).to.equal(true);
    await subject().uploads.commits.noteCommit(uploadId, { isWanted: false });
    expect(await isStuck(uploadId)).to.equal(false);
    expect(await isExpired(uploadId)).to.equal(true);
  });

  it("keeps what a wanted commit is to compare, and what was declared before where nothing is said", async () => {
    const created = Buffer.alloc(32, 1);
    const { uploadId } = await assembleCompleted({ expectedSha256: created });
    const declared = async () => {
      const { upload } = await subject().uploads.catalogue.get("default", uploadId);
      return [upload.ifGenerationMatch, Buffer.from(upload.expectedSha256 ?? [])];
    };
    await subject().uploads.commits.noteCommit(uploadId, { isWanted: true, ifGenerationMatch: 3 });
    expect(await declared()).to.deep.equal([3, created]);
    const expectedSha256 = Buffer.alloc(32, 2);
    await subject().uploads.commits.noteCommit(uploadId, { isWanted: true, expectedSha256 });
    expect(await declared()).to.deep.equal([3, expectedSha256]);
  });

  describe("that has failed", () => {
    const failure = { reason: "CHECKSUM_MISMATCH", message: "storage has other bytes" };
    const fail = async (overrides: Partial<NewUpload> = {}) => {
      const upload = await createOpen(subject(), { expireAfterMs: 0, ...overrides });
      await subject().uploads.commits.beginCompletion(upload.uploadId, { crc32: 1 });
      await subject().uploads.commits.noteFailure(upload.uploadId, failure);
      return upload;
    };
    const find = async (uploadId: string) => (await subject().uploads.catalogue.get("default", uploadId)).upload;

    it("says why, and is neither stuck nor expired", async () => {
      const completing = await fail();
      const assembled = await createOpen(subject(), { expireAfterMs: 0 });
      await subject().uploads.commits.assemble(assembled.uploadId, sampleObject(assembled));
      await subject().uploads.commits.noteFailure(assembled.uploadId, failure);
      for (const { uploadId } of [completing, assembled]) {
        expect((await find(uploadId)).failure).to.deep.equal(failure);
        expect(await isStuck(uploadId)).to.equal(false);
        expect(await isExpired(uploadId)).to.equal(false);
      }
    });

    it("is wanted again by whoever tries again, with what that declares, and can then not be aborted", async () => {
      const { uploadId } = await fail();
      await subject().uploads.commits.noteCommit(uploadId, { isWanted: true, ifGenerationMatch: 4 });
      expect(await find(uploadId)).to.deep.include({ state: "completing", failure: undefined, ifGenerationMatch: 4 });
      expect(await isStuck(uploadId)).to.equal(true);
      await expectRefusal(subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR), "UPLOAD_NOT_OPEN");
    });

    it("is forgotten once it can be made all the same", async () => {
      const upload = await fail();
      const { uploadId } = upload;
      expect((await subject().uploads.commits.assemble(uploadId, sampleObject(upload))).failure).to.equal(undefined);
      await subject().uploads.commits.noteFailure(uploadId, failure);
      expect((await commit(uploadId)).kind).to.equal("committed");
      expect((await find(uploadId)).failure).to.equal(undefined);
      await subject().uploads.commits.noteFailure(uploadId, failure);
      expect((await find(uploadId)).failure, "of a file").to.equal(undefined);
      const reopened = await fail();
      await subject().uploads.commits.reopen(reopened.uploadId, []);
      expect(await find(reopened.uploadId)).to.deep.include({ state: "open", failure: undefined });
    });

    it("can be aborted, and is cleaned then", async () => {
      const { uploadId } = await fail();
      for (const _ of [1, 2]) {
        expect(await subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR)).to.deep.include({
          state: "aborted",
          failure,
        });
      }
      const { uploads } = await subject().uploads.sweep.listUncleaned("default", { after: "", limit: ALL });
      expect(uploads.map((upload) => upload.uploadId)).to.include(uploadId);
      await subject().uploads.sweep.markCleaned(uploadId);
    });
  });

  it("no longer wants the commit of an upload that is opened again", async () => {
    const { uploadId } = await createOpen(subject(), { expireAfterMs: 0 });
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 1 });
    await subject().uploads.commits.reopen(uploadId, []);
    expect(await isExpired(uploadId)).to.equal(true);
  });
}
