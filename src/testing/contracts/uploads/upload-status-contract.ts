import { expect } from "chai";
import type { UploadStatus } from "../../../domain/uploads/upload-catalogue.ts";
import {
  commitFile,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  nextPath,
  nextUuid,
  type RepositorySubject,
  sampleObject,
  samplePart,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

const PART_BYTES = samplePart(1).lengthBytes;

/** How far uploads are, as `UploadCatalogue` says it. */
export function uploadStatusContract(subject: () => RepositorySubject): void {
  const statusOf = async (uploadId: string): Promise<UploadStatus> => {
    const [status] = await subject().uploads.catalogue.listStatus([uploadId]);
    return status ?? expect.fail(`upload ${uploadId} has no status`);
  };

  it("says where a fresh upload stands, and leaves out what it does not know", async () => {
    const { uploadId, path } = await createOpen(subject(), { sizeBytes: 7 });
    const statuses = await subject().uploads.catalogue.listStatus([nextUuid(), uploadId, uploadId]);
    const nothing = { receivedBytes: 0, durableBytes: 0, file: undefined };
    expect(statuses).to.deep.equal([{ uploadId, namespace: "default", path, state: "open", sizeBytes: 7, ...nothing }]);
    expect(await subject().uploads.catalogue.listStatus([])).to.deep.equal([]);
  });

  it("sums recorded parts, with and without gaps, and no claimed ones", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 4 });
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(1), samplePart(3)]);
    expect(await statusOf(upload.uploadId)).to.include({ durableBytes: 2 * PART_BYTES, sizeBytes: undefined });
  });

  it("never says less received than durable", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(1)]);
    expect(await statusOf(upload.uploadId)).to.include({ receivedBytes: PART_BYTES });
    await subject().uploads.writers.noteReceived([{ uploadId: upload.uploadId, epoch, receivedBytes: 5_000_000_000 }]);
    expect(await statusOf(upload.uploadId)).to.include({ receivedBytes: 5_000_000_000, durableBytes: PART_BYTES });
  });

  it("counts the object of a one-part upload, and shows the file once it is there", async () => {
    const upload = await createOpen(subject());
    await subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload));
    const assembled = { state: "assembled", durableBytes: 10, receivedBytes: 10, sizeBytes: 10, file: undefined };
    expect(await statusOf(upload.uploadId)).to.include(assembled);
    const committed = await commitFile(subject(), nextPath());
    const status = await statusOf(committed.uploadId);
    expect(status).to.include({ state: "committed", durableBytes: 10 });
    expect(status.file).to.deep.equal(committed.file);
  });

  it("counts nothing durable of an upload that was given up", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.writers.claimParts(upload.uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(1)]);
    await subject().uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
    expect(await statusOf(upload.uploadId)).to.include({ state: "aborted", durableBytes: 0 });
  });

  it("notes what many writers have received, never less, and passes over writers it does not know", async () => {
    const writers = [await createWritten(subject()), await createWritten(subject())];
    const note = (receivedBytes: number) =>
      subject().uploads.writers.noteReceived([
        ...writers.map(({ upload, epoch }) => ({ uploadId: upload.uploadId, epoch, receivedBytes })),
        { uploadId: nextUuid(), epoch: 1, receivedBytes },
        { uploadId: writers[0]?.upload.uploadId ?? "", epoch: 9, receivedBytes: 99 },
      ]);
    for (const receivedBytes of [3, 7, 5]) await note(receivedBytes);
    await subject().uploads.writers.noteReceived([]);
    for (const { upload, epoch } of writers) {
      expect(await statusOf(upload.uploadId)).to.include({ receivedBytes: 7 });
      const beat = { receivedBytes: 6, expireAfterMs: EXPIRE_AFTER_MS };
      await subject().uploads.writers.heartbeat(upload.uploadId, epoch, beat);
      expect((await subject().uploads.catalogue.get("default", upload.uploadId)).receivedBytes).to.equal(7);
    }
  });
}
