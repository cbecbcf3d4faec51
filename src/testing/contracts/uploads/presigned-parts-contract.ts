import { expect } from "chai";
import type { PresignedPart } from "../../../domain/uploads/upload-writers.ts";
import {
  beginNext,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  type RepositorySubject,
  samplePart,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

const PART_BYTES = samplePart(1).lengthBytes;
const SIZE_BYTES = 3 * PART_BYTES + 10;
const OPTIONS = { instance: "test", expireAfterMs: EXPIRE_AFTER_MS, lifetimeMs: 900_000 };

/** The contract of UploadWriters about parts that are put to presigned URLs. */
export function presignedPartsContract(subject: () => RepositorySubject): void {
  const open = async () => (await createOpen(subject(), { sizeBytes: SIZE_BYTES })).uploadId;
  const toClaim = (partNumber: number, lengthBytes = partNumber === 4 ? 10 : PART_BYTES) => {
    const { etag: _, ...claim } = samplePart(partNumber, { lengthBytes });
    return claim;
  };
  const claim = (uploadId: string, numbers: number[], options: Partial<typeof OPTIONS> = {}) => {
    const parts = numbers.map((number) => toClaim(number));
    return subject().uploads.writers.claimPresigned("default", uploadId, parts, { ...OPTIONS, ...options });
  };
  const outstandingOf = async (uploadId: string) =>
    (await subject().uploads.catalogue.get("default", uploadId)).outstanding.map(({ partNumber }) => partNumber);
  const withEtags = (parts: PresignedPart[]) =>
    parts.map((part) => ({ ...part, etag: samplePart(part.partNumber).etag }));
  const adopt = async (uploadId: string) => {
    const { outstanding } = await subject().uploads.catalogue.get("default", uploadId);
    return await subject().uploads.writers.adoptParts(uploadId, withEtags(outstanding));
  };

  it("claims parts, each with an epoch of its own, and adopts them", async () => {
    const uploadId = await open();
    const { upload, durable, signTime } = await claim(uploadId, [4, 2]);
    expect([upload.epoch, durable]).to.deep.equal([2, []]);
    expect(signTime.getTime()).to.be.within(upload.createTime.getTime(), upload.createTime.getTime() + 60_000);
    const found = await subject().uploads.catalogue.get("default", uploadId);
    expect(found.parts).to.deep.equal([]);
    expect(found.receivedBytes).to.equal(0);
    expect(found.outstanding.map(({ epoch: _, ...part }) => part)).to.deep.equal([toClaim(2), toClaim(4)]);
    const expected = [samplePart(2), samplePart(4, { lengthBytes: 10 })];
    expect(await adopt(uploadId)).to.deep.equal(expected);
    const after = await subject().uploads.catalogue.get("default", uploadId);
    expect([after.parts, after.outstanding]).to.deep.equal([expected, []]);
    expect(after.receivedBytes).to.equal(PART_BYTES + 10);
    expect(await subject().uploads.writers.adoptParts(uploadId, withEtags(found.outstanding)), "again").to.deep.equal(
      expected,
    );
  });

  it("returns parts that are durable and claims the others; claims again with another checksum", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1)]);
    expect((await claim(uploadId, [1, 3])).durable).to.deep.equal([samplePart(1)]);
    expect((await claim(uploadId, [1])).durable).to.deep.equal([samplePart(1)]);
    const [older] = (await subject().uploads.catalogue.get("default", uploadId)).outstanding;
    await subject().uploads.writers.claimPresigned("default", uploadId, [{ ...toClaim(3), crc32: 7 }], OPTIONS);
    const { outstanding } = await subject().uploads.catalogue.get("default", uploadId);
    expect(outstanding.map(({ crc32 }) => crc32)).to.deep.equal([7]);
    expect(await subject().uploads.writers.adoptParts(uploadId, withEtags([older as PresignedPart]))).to.deep.equal([]);
    expect(await outstandingOf(uploadId)).to.deep.equal([3]);
  });

  it("fences whoever writes such a part, and is fenced by who writes it next", async () => {
    const { upload, epoch: whole } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    await claim(uploadId, [1, 2, 3]);
    await expectRefusal(subject().uploads.writers.claimParts(uploadId, whole, { first: 4, count: 1 }), "WRITER_FENCED");
    const { outstanding } = await subject().uploads.catalogue.get("default", uploadId);
    const target = { partNumber: 1, lengthBytes: PART_BYTES };
    const begun = await subject().uploads.writers.beginPart("default", uploadId, target, OPTIONS);
    expect(begun.kind).to.equal("begun");
    const lane = await beginNext(subject(), { uploadId, lane: { offset: 2 * PART_BYTES, sizeBytes: PART_BYTES } });
    expect(lane.outstanding.map(({ partNumber }) => partNumber)).to.deep.equal([3]);
    expect(await outstandingOf(uploadId)).to.deep.equal([2]);
    const adopted = await subject().uploads.writers.adoptParts(uploadId, withEtags(outstanding));
    expect(adopted.map(({ partNumber }) => partNumber)).to.deep.equal([2]);
    await subject().uploads.writers.claimParts(uploadId, lane.epoch, { first: 3, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, lane.epoch, [samplePart(3)]);
  });

  it("lets the writer that has taken the claims over adopt them, until it is fenced itself", async () => {
    const uploadId = await open();
    await claim(uploadId, [2, 3]);
    const first = await beginNext(subject(), { uploadId });
    const second = await beginNext(subject(), { uploadId });
    expect(second.outstanding).to.deep.equal(first.outstanding);
    const parts = withEtags(second.outstanding);
    await expectRefusal(subject().uploads.writers.adoptParts(uploadId, parts, { epoch: first.epoch }), "WRITER_FENCED");
    expect(await subject().uploads.writers.adoptParts(uploadId, parts), "nobody's").to.deep.equal([]);
    await subject().uploads.writers.claimParts(uploadId, second.epoch, { first: 3, count: 1 });
    const adopted = await subject().uploads.writers.adoptParts(uploadId, parts, { epoch: second.epoch });
    expect(adopted).to.deep.equal([samplePart(2)]);
    await subject().uploads.writers.recordParts(uploadId, second.epoch, [samplePart(3)]);
  });

  it("refuses what cannot be signed, and fences nobody", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    const sign = (...parts: ReturnType<typeof toClaim>[]) =>
      subject().uploads.writers.claimPresigned("default", uploadId, parts, OPTIONS);
    const error = await expectRefusal(sign(toClaim(2), toClaim(1, 10)), "SIZE_MISMATCH");
    expect(error.field).to.equal("parts.size_bytes");
    await expectRefusal(sign(toClaim(4, PART_BYTES)), "SIZE_MISMATCH");
    await expectRefusal(sign(toClaim(5)), "RANGE_INVALID");
    const lifetime = await expectRefusal(claim(uploadId, [1], { lifetimeMs: 7 * 86_400_000 }), "ARGUMENT_INVALID");
    expect(lifetime.field).to.equal("lifetime");
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    const unknown = await createOpen(subject());
    await expectRefusal(claim(unknown.uploadId, [1]), "RANGE_INVALID");
    const elsewhere = await createOpen(subject(), { namespace: "other" });
    await expectRefusal(claim(elsewhere.uploadId, [1]), "UPLOAD_NOT_FOUND");
  });

  it("works from open alone", async () => {
    const uploadId = await open();
    await claim(uploadId, [2]);
    const { outstanding } = await subject().uploads.catalogue.get("default", uploadId);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 1 });
    expect(await outstandingOf(uploadId)).to.deep.equal([]);
    await expectRefusal(claim(uploadId, [3]), "UPLOAD_NOT_OPEN");
    await expectRefusal(subject().uploads.writers.adoptParts(uploadId, withEtags(outstanding)), "UPLOAD_NOT_OPEN");
  });

  it("lets no upload expire before its last URL, and cleans none before what was put to it has landed", async () => {
    const { uploadId } = await createOpen(subject(), { sizeBytes: SIZE_BYTES, expireAfterMs: 0 });
    await claim(uploadId, [1], { expireAfterMs: 0 });
    await claim(uploadId, [2], { expireAfterMs: 0, lifetimeMs: 1000 });
    const { upload } = await subject().uploads.catalogue.get("default", uploadId);
    expect(upload.expireTime.getTime() - upload.createTime.getTime()).to.be.at.least(900_000);
    const due = await subject().uploads.sweep.expireDue("default", 1_000_000);
    expect(due.map((one) => one.uploadId)).to.not.include(uploadId);
    await subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
    await subject().uploads.sweep.markCleaned(uploadId);
    const { uploads: uncleaned } = await subject().uploads.sweep.listUncleaned("default", {
      after: "",
      limit: 1_000_000,
    });
    expect(uncleaned.map((one) => one.uploadId)).to.not.include(uploadId);
  });

  it("claims beside writers that begin at the same moment", async () => {
    const uploadId = await open();
    const begun = await Promise.all([
      ...[1, 2, 3, 4].map((number) => claim(uploadId, [number])),
      ...[1, 2, 3].map((number) => claim(uploadId, [4, number])),
    ]);
    expect(begun.every(({ durable }) => durable.length === 0)).to.equal(true);
    expect(await outstandingOf(uploadId)).to.deep.equal([1, 2, 3, 4]);
    expect((await adopt(uploadId)).length).to.equal(4);
    const { upload } = await subject().uploads.catalogue.get("default", uploadId);
    expect(upload.epoch).to.equal(10);
  });
}
