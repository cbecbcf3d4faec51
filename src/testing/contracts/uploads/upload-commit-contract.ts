import { expect } from "chai";
import type { Upload } from "../../../domain/uploads/upload.ts";
import {
  beginNext,
  commitFile,
  createOpen,
  createWritten,
  expectRefusal,
  nextPath,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
  samplePart,
} from "../../rigs/database/repository-subject.ts";

/** How `UploadCommits` makes files: it completes, assembles and commits. */
export function uploadCommitContract(subject: () => RepositorySubject): void {
  const commit = (upload: Upload, options: { ifGenerationMatch?: number; withObject?: boolean } = {}) => {
    const { withObject = true, ...rest } = options;
    return subject().uploads.commits.commit(upload.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      ...(withObject && { object: sampleObject(upload) }),
      ...rest,
    });
  };

  it("makes a multipart upload a file, by way of completing and assembled", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: 10 });
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1, { lengthBytes: 10 })]);
    const expectedSha256 = Buffer.alloc(32, 4);
    const completing = await subject().uploads.commits.beginCompletion(uploadId, {
      crc32: 5,
      ifGenerationMatch: 0,
      expectedSha256,
    });
    expect(completing).to.deep.include({ state: "completing", ifGenerationMatch: 0, object: undefined });
    expect(Buffer.from(completing.expectedSha256 ?? [])).to.deep.equal(expectedSha256);
    const object = sampleObject(upload, { key: upload.s3Key, crc32: 5 });
    const assembled = await subject().uploads.commits.assemble(uploadId, object);
    expect(assembled).to.deep.include({ state: "assembled", object });
    const sha256 = Buffer.alloc(32, 6);
    await subject().uploads.commits.setSha256(uploadId, sha256);
    const outcome = await commit(upload, { withObject: false });
    expect(outcome.kind).to.equal("committed");
    const { file } = outcome.upload;
    expect(Buffer.from(file?.sha256 ?? [])).to.deep.equal(sha256);
    expect(file).to.deep.include({ generation: 1, sizeBytes: 10, crc32: 5, s3Key: upload.s3Key, s3VersionId: "v1" });
    const found = await subject().files.get("default", upload.path);
    expect(found).to.deep.equal(file);
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload).to.deep.equal(outcome.upload);
  });

  it("changes nothing of a committed file that another call still reads", async () => {
    const { uploadId } = await commitFile(subject(), nextPath());
    const before = (await subject().uploads.catalogue.get("default", uploadId)).upload;
    await subject().uploads.commits.setSha256(uploadId, Buffer.alloc(32, 9));
    await subject().uploads.commits.noteCommit(uploadId, { isWanted: true, expectedSha256: Buffer.alloc(32, 9) });
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload).to.deep.equal(before);
  });

  it("makes a one-part object a file in one step, and seals its size", async () => {
    const upload = await createOpen(subject());
    const outcome = await commit(upload);
    expect(outcome.upload).to.deep.include({ state: "committed", sizeBytes: 10, object: sampleObject(upload) });
    const { namespace, path, contentType, metadata, labels, dataSubject, bucket, region } = upload;
    const described = { namespace, path, contentType, metadata, labels, dataSubject, bucket, region };
    expect(outcome.upload.file).to.deep.include(described);
    expect(outcome.upload.file).to.deep.include({
      generation: 1,
      sizeBytes: 10,
      s3Key: `${upload.s3Key}.1`,
      s3Etag: "etag",
      metageneration: 1,
    });
    expect(outcome.upload.file).to.deep.equal(await subject().files.get("default", path));
  });

  it("returns the same outcome when it is repeated", async () => {
    const upload = await createOpen(subject());
    const first = await commit(upload);
    for (const withObject of [true, false]) expect(await commit(upload, { withObject })).to.deep.equal(first);
    expect((await subject().files.get("default", upload.path)).generation).to.equal(1);
  });

  it("commits once when it is called concurrently", async () => {
    const upload = await createOpen(subject());
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => commit(upload)));
    expect(new Set(outcomes.map((outcome) => outcome.upload.file?.fileId)).size).to.equal(1);
    expect((await subject().files.get("default", upload.path)).generation).to.equal(1);
  });

  it("refuses an object of another size than was declared", async () => {
    const upload = await createOpen(subject(), { sizeBytes: 11 });
    await expectRefusal(commit(upload), "SIZE_MISMATCH");
    await expectRefusal(subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload)), "SIZE_MISMATCH");
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).upload.state).to.equal("open");
  });

  it("keeps the first of two assembled objects", async () => {
    const upload = await createOpen(subject());
    const first = await subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload));
    const late = sampleObject(upload, { key: `${upload.s3Key}.2`, crc32: 1 });
    expect(await subject().uploads.commits.assemble(upload.uploadId, late)).to.deep.equal(first);
    const outcome = await subject().uploads.commits.commit(upload.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      object: late,
    });
    expect(outcome.upload.file).to.deep.include({ s3Key: `${upload.s3Key}.1`, crc32: 0xdead_beef });
  });

  it("gives each commit to a path the next generation and supersedes the one before", async () => {
    const path = nextPath();
    const [first, second] = [await commitFile(subject(), path), await commitFile(subject(), path)];
    expect(first.file?.generation).to.equal(1);
    expect(second.file?.generation).to.equal(2);
    expect((await subject().files.get("default", path)).fileId).to.equal(second.file?.fileId);
    const superseded = await subject().files.get("default", path, { generation: 1 });
    expect(superseded.deleteTime).to.equal(undefined);
    const { supersedeTime, updateTime } = superseded;
    expect([supersedeTime, updateTime]).to.deep.equal(Array(2).fill(second.file?.createTime));
    const lifeMs = (superseded.purgeTime?.getTime() ?? 0) - (second.file?.createTime.getTime() ?? 0);
    expect(lifeMs).to.be.within(RETENTION_MS - 2, RETENTION_MS + 2);
  });

  it("makes racing commits without a precondition one generation each, the latest current", async () => {
    const path = nextPath();
    const uploads = await Promise.all(Array.from({ length: 8 }, () => createOpen(subject(), { path })));
    const outcomes = await Promise.all(uploads.map((upload) => commit(upload)));
    const generations = outcomes.map((outcome) => outcome.upload.file?.generation ?? 0).sort((a, b) => a - b);
    expect(generations).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    const { files } = await subject().files.list("default", { prefix: path, limit: 10, showDeleted: true });
    expect(files.filter((file) => file.path === path).map((file) => file.generation)).to.deep.equal([8]);
  });

  it("lets exactly one of racing commits with a precondition win; the others stay assembled", async () => {
    const path = nextPath();
    const uploads = await Promise.all(
      Array.from({ length: 6 }, () => createOpen(subject(), { path, ifGenerationMatch: 0 })),
    );
    const outcomes = await Promise.all(uploads.map((upload) => commit(upload)));
    expect(outcomes.filter((outcome) => outcome.kind === "committed")).to.have.lengthOf(1);
    for (const outcome of outcomes) {
      if (outcome.kind !== "generation-mismatch") continue;
      expect(outcome.currentGeneration).to.equal(1);
      expect(outcome.upload).to.deep.include({ state: "assembled", file: undefined });
    }
    const losers = outcomes.filter(({ kind }) => kind === "generation-mismatch");
    for (const [index, { upload }] of losers.entries()) {
      const again = await commit(upload, { ifGenerationMatch: index + 1, withObject: false });
      expect(again.upload.file?.generation).to.equal(index + 2);
    }
  });

  it("keeps an upload assembled when its precondition fails, and commits it with another", async () => {
    const path = nextPath();
    const upload = await createOpen(subject(), { path, ifGenerationMatch: 0 });
    await commitFile(subject(), path);
    const refused = await commit(upload);
    expect(refused).to.deep.include({ kind: "generation-mismatch", currentGeneration: 1 });
    expect(refused.upload).to.deep.include({ state: "assembled", object: sampleObject(upload) });
    const wrong = await commit(upload, { ifGenerationMatch: 5, withObject: false });
    expect(wrong).to.deep.include({ kind: "generation-mismatch", currentGeneration: 1 });
    const outcome = await commit(upload, { ifGenerationMatch: 1, withObject: false });
    expect(outcome.kind).to.equal("committed");
    expect(outcome.upload.file?.generation).to.equal(2);
  });

  it("tells generation 0 when a precondition names a file that is not there", async () => {
    const upload = await createOpen(subject());
    const outcome = await commit(upload, { ifGenerationMatch: 3 });
    expect(outcome).to.deep.include({ kind: "generation-mismatch", currentGeneration: 0 });
  });

  it("commits what the newest writer put, though a fenced one was first to finish or comes after it", async () => {
    const { upload, epoch: older } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.writers.beginPutAttempt(uploadId, older);
    const { epoch: newer } = await beginNext(subject(), upload);
    await subject().uploads.writers.beginPutAttempt(uploadId, newer);
    const object = sampleObject(upload, { key: `${upload.s3Key}.2`, crc32: 2 });
    const finish = (epoch: number, put: typeof object) =>
      subject().uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object: put, epoch });
    await expectRefusal(finish(older, sampleObject(upload)), "WRITER_FENCED");
    const outcome = await finish(newer, object);
    expect(outcome.upload.file).to.deep.include({ s3Key: `${upload.s3Key}.2`, crc32: 2 });
    await expectRefusal(finish(older, sampleObject(upload)), "WRITER_FENCED");
    expect(await finish(newer, object)).to.deep.equal(outcome);
  });

  it("takes the newest writer's finish of a multipart upload, step by step", async () => {
    const { upload } = await createWritten(subject());
    const { uploadId } = upload;
    const { epoch } = await beginNext(subject(), upload);
    await subject().uploads.commits.seal(uploadId, 10, { epoch });
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 5, epoch });
    await subject().uploads.commits.assemble(uploadId, sampleObject(upload), { epoch });
    const committing = { fileId: nextUuid(), retentionMs: RETENTION_MS, epoch };
    expect((await subject().uploads.commits.commit(uploadId, committing)).kind).to.equal("committed");
  });

  it("reopens an upload without the parts that were lost", async () => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 3 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1), samplePart(2), samplePart(3)]);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 5 });
    await subject().uploads.commits.reopen(uploadId, [samplePart(2)]);
    await subject().uploads.commits.reopen(uploadId, [samplePart(1), samplePart(2), samplePart(3)]);
    const { upload: open, parts } = await subject().uploads.catalogue.get("default", uploadId);
    expect(open.state).to.equal("open");
    expect(parts).to.deep.equal([samplePart(1), samplePart(3)]);
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 2, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(2, { etag: "sent again" })]);
    expect((await subject().uploads.catalogue.get("default", uploadId)).parts).to.have.lengthOf(3);
  });

  it("returns an upload that is completing already unchanged", async () => {
    const { uploadId } = await createOpen(subject());
    const first = await subject().uploads.commits.beginCompletion(uploadId, { crc32: 5, ifGenerationMatch: 1 });
    const second = await subject().uploads.commits.beginCompletion(uploadId, { crc32: 6, ifGenerationMatch: 2 });
    expect(second).to.deep.equal(first);
  });

  it("keeps the SHA-256 that a finish declares instead of the one before, until the commit", async () => {
    const [created, declared] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const expectedOf = async (uploadId: string) => {
      const { upload } = await subject().uploads.catalogue.get("default", uploadId);
      return Buffer.from(upload.expectedSha256 ?? []);
    };
    const sealed = await createOpen(subject(), { expectedSha256: created });
    await subject().uploads.commits.seal(sealed.uploadId, 10);
    expect(await expectedOf(sealed.uploadId)).to.deep.equal(created);
    await subject().uploads.commits.seal(sealed.uploadId, 10, { expectedSha256: declared });
    await subject().uploads.commits.beginCompletion(sealed.uploadId, { crc32: 1 });
    expect(await expectedOf(sealed.uploadId)).to.deep.equal(declared);
    const put = await createOpen(subject());
    await subject().uploads.commits.assemble(put.uploadId, sampleObject(put), { expectedSha256: declared });
    await subject().uploads.commits.assemble(put.uploadId, sampleObject(put), { expectedSha256: created });
    expect(await expectedOf(put.uploadId)).to.deep.equal(declared);
  });
}
