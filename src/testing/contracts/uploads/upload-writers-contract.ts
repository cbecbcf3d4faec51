import { expect } from "chai";
import {
  beginNext,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
  samplePart,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

/** How writers of an upload begin, fence each other and record parts. */
export function uploadWritersContract(subject: () => RepositorySubject): void {
  it("numbers the writers of an upload from 1", async () => {
    const first = await createWritten(subject());
    const second = await beginNext(subject(), first.upload);
    expect([first.epoch, second.epoch]).to.deep.equal([1, 2]);
    expect(second.upload).to.deep.include({ state: "open", epoch: 2 });
  });

  it("gives a writer the parts recorded by those before, ascending", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 4 });
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(3), samplePart(1)]);
    const next = await beginNext(subject(), upload);
    expect(next.parts).to.deep.equal([samplePart(1), samplePart(3)]);
  });

  it("returns an upload that is not open as it is, with epoch 0", async () => {
    const { upload, epoch } = await createWritten(subject());
    const object = sampleObject(upload);
    await subject().uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    const start = await beginNext(subject(), upload);
    expect(start).to.deep.include({ epoch: 0, parts: [] });
    expect(start.upload).to.deep.include({ state: "committed", epoch });
    expect(start.upload.file?.sizeBytes).to.equal(10);
  });

  it("does not find an upload of another namespace", async () => {
    const { uploadId } = await createOpen(subject());
    await expectRefusal(beginNext(subject(), { namespace: "other", uploadId }), "UPLOAD_NOT_FOUND");
    await expectRefusal(subject().uploads.catalogue.get("other", uploadId), "UPLOAD_NOT_FOUND");
    await expectRefusal(subject().uploads.catalogue.abort("other", uploadId, TEST_ACTOR), "UPLOAD_NOT_FOUND");
    await expectRefusal(beginNext(subject(), { uploadId: nextUuid() }), "UPLOAD_NOT_FOUND");
  });

  it("fences the older writer from every step", async () => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await beginNext(subject(), upload);
    const beat = { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS };
    const error = await expectRefusal(subject().uploads.writers.beginPutAttempt(uploadId, epoch), "WRITER_FENCED");
    expect(error.details).to.include({ epoch: 1, current_epoch: 2 });
    await expectRefusal(subject().uploads.writers.heartbeat(uploadId, epoch, beat), "WRITER_FENCED");
    await expectRefusal(subject().uploads.writers.claimParts(uploadId, epoch, { first: 2, count: 1 }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1)]), "WRITER_FENCED");
    await expectRefusal(subject().uploads.writers.markLost(uploadId, epoch), "WRITER_FENCED");
    await expectRefusal(subject().uploads.commits.seal(uploadId, 10, { epoch }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.commits.beginCompletion(uploadId, { crc32: 1, epoch }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.commits.assemble(uploadId, sampleObject(upload), { epoch }), "WRITER_FENCED");
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, epoch };
    await expectRefusal(
      subject().uploads.commits.commit(uploadId, { ...commit, object: sampleObject(upload) }),
      "WRITER_FENCED",
    );
    await expectRefusal(subject().uploads.commits.commit(uploadId, commit), "WRITER_FENCED");
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload).to.deep.include({
      state: "open",
      sizeBytes: undefined,
      object: undefined,
      file: undefined,
    });
    expect((await subject().uploads.catalogue.get("default", uploadId)).parts).to.deep.equal([]);
  });

  it("notes what the newest writer has received, never less", async () => {
    const { upload, epoch } = await createWritten(subject());
    for (const receivedBytes of [5_000_000_000, 3]) {
      await subject().uploads.writers.heartbeat(upload.uploadId, epoch, {
        receivedBytes,
        expireAfterMs: EXPIRE_AFTER_MS,
      });
    }
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).receivedBytes).to.equal(5_000_000_000);
    await beginNext(subject(), upload);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).receivedBytes).to.equal(0);
  });

  it("slides the expiry up to its cap, and never back", async () => {
    const { uploadId } = await createOpen(subject(), { expireAfterMs: 60_000, expireCapMs: 600_000 });
    const beginning = { instance: "test", expireAfterMs: 60_000 };
    const { upload, epoch } = await subject().uploads.writers.beginWriter("default", uploadId, beginning);
    const life = async () => {
      const { upload: found } = await subject().uploads.catalogue.get("default", upload.uploadId);
      return found.expireTime.getTime() - found.createTime.getTime();
    };
    await subject().uploads.writers.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 300_000 });
    expect(await life()).to.be.within(300_000, 330_000);
    await subject().uploads.writers.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 60_000 });
    expect(await life()).to.be.within(300_000, 330_000);
    await subject().uploads.writers.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 900_000 });
    expect(await life()).to.equal(600_000);
  });

  it("slides the expiry when a writer begins", async () => {
    const { uploadId } = await createOpen(subject(), { expireAfterMs: 1_000, expireCapMs: 600_000 });
    const { upload } = await beginNext(subject(), { uploadId });
    expect(upload.expireTime.getTime() - upload.createTime.getTime()).to.equal(600_000);
  });

  it("keeps the first of two multipart ids", async () => {
    const { uploadId } = await createOpen(subject());
    const ids = ["m1", "m2", "m3"];
    const kept = await Promise.all(ids.map((id) => subject().uploads.writers.setMultipartId(uploadId, id)));
    expect(new Set(kept).size).to.equal(1);
    expect(ids).to.include(kept[0]);
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload.multipartId).to.equal(kept[0]);
  });

  it("numbers the attempts to put a one-part object", async () => {
    const { upload, epoch } = await createWritten(subject());
    expect(await subject().uploads.writers.beginPutAttempt(upload.uploadId, epoch)).to.equal(1);
    const next = await beginNext(subject(), upload);
    expect(await subject().uploads.writers.beginPutAttempt(upload.uploadId, next.epoch)).to.equal(2);
  });

  describe("parts", () => partsContract(subject));
}

function partsContract(subject: () => RepositorySubject): void {
  it("shows claimed parts only once they are recorded", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 3 });
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).parts).to.deep.equal([]);
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(2)]);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).parts).to.deep.equal([samplePart(2)]);
  });

  it("lets a newer writer take over claims, and record them", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    const next = await beginNext(subject(), upload);
    await subject().uploads.writers.claimParts(upload.uploadId, next.epoch, { first: 1, count: 2 });
    await subject().uploads.writers.recordParts(upload.uploadId, next.epoch, [samplePart(1), samplePart(2)]);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).parts).to.have.lengthOf(2);
  });

  it("never overwrites a durable part", async () => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1)]);
    const next = await beginNext(subject(), upload);
    await subject().uploads.writers.claimParts(uploadId, next.epoch, { first: 1, count: 2 });
    const other = samplePart(1, { crc32: 1, etag: "other" });
    await expectRefusal(subject().uploads.writers.recordParts(uploadId, next.epoch, [other]), "CHECKSUM_MISMATCH");
    await subject().uploads.writers.recordParts(uploadId, next.epoch, [
      samplePart(1, { etag: "other" }),
      samplePart(2),
    ]);
    expect((await subject().uploads.catalogue.get("default", uploadId)).parts).to.deep.equal([
      samplePart(1),
      samplePart(2),
    ]);
  });

  it("records the same parts twice without harm, and none at all", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    const parts = [samplePart(1), samplePart(2)];
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, parts);
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, parts);
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, []);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).parts).to.deep.equal(parts);
  });

  it("takes a record without a claim for the bug it is", async () => {
    const { upload, epoch } = await createWritten(subject());
    const error = await subject()
      .uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(1)])
      .catch((refusal: unknown) => refusal);
    expect(error).to.be.instanceOf(Error).with.property("message").that.includes("unclaimed");
  });

  it("keeps 10,000 parts", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 10_000 });
    const parts = Array.from({ length: 10_000 }, (_, index) => samplePart(index + 1));
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, parts);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).parts).to.deep.equal(parts);
  });
}
