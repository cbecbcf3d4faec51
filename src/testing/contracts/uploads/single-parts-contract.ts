import { expect } from "chai";
import { UNARY_PART_MAX_BYTES } from "../../../domain/uploads/part-plan.ts";
import type { GrantedPart } from "../../../domain/uploads/upload-writers.ts";
import {
  beginNext,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  type RepositorySubject,
  sampleObject,
  samplePart,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

const PART_BYTES = samplePart(1).lengthBytes;
const SIZE_BYTES = 2 * PART_BYTES + 10;
/** A part size that no single message carries. */
const LARGE_PART_BYTES = UNARY_PART_MAX_BYTES + 1;

/** The contract of UploadWriters about writers of one part each. */
export function singlePartsContract(subject: () => RepositorySubject): void {
  const begin = async (uploadId: string, partNumber: number, lengthBytes = PART_BYTES): Promise<GrantedPart> => {
    const options = { instance: "test", expireAfterMs: EXPIRE_AFTER_MS };
    return await subject().uploads.writers.beginPart("default", uploadId, { partNumber, lengthBytes }, options);
  };
  const epochOf = (start: GrantedPart) =>
    start.kind === "begun" ? start.epoch : expect.fail("the part is durable already");
  const write = async (uploadId: string, partNumber: number, lengthBytes = PART_BYTES) => {
    const epoch = epochOf(await begin(uploadId, partNumber, lengthBytes));
    const parts = [samplePart(partNumber, { lengthBytes })];
    await subject().uploads.writers.recordParts(uploadId, epoch, parts, { isLast: true });
    return { epoch, parts };
  };

  it("begins, claims and records parts in any order, side by side, whole ones of an unknown size too", async () => {
    for (const sizeBytes of [SIZE_BYTES, undefined]) {
      const { uploadId } = await createOpen(subject(), { sizeBytes });
      const lengths = [PART_BYTES, PART_BYTES, sizeBytes === undefined ? PART_BYTES : 10];
      const starts = await Promise.all([3, 1, 2].map((number) => begin(uploadId, number, lengths[number - 1])));
      for (const [index, partNumber] of [3, 1, 2].entries()) {
        const parts = [samplePart(partNumber, { lengthBytes: lengths[partNumber - 1] ?? 0 })];
        await subject().uploads.writers.recordParts(uploadId, epochOf(starts[index] as GrantedPart), parts, {
          isLast: true,
        });
      }
      const { upload, parts } = await subject().uploads.catalogue.get("default", uploadId);
      expect(parts.map(({ lengthBytes }) => lengthBytes)).to.deep.equal(lengths);
      expect(upload.epoch).to.equal(3);
    }
  });

  it("returns a part that is durable and changes nothing, unless the upload is dead", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 2 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(1)]);
    const again = await begin(uploadId, 1);
    expect(again).to.deep.include({ kind: "durable", part: samplePart(1) });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(2)]);
    const dying = await createOpen(subject(), { sizeBytes: SIZE_BYTES });
    await write(dying.uploadId, 1);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 1 });
    expect((await begin(uploadId, 2)).kind).to.equal("durable");
    await expectRefusal(begin(uploadId, 3, 10), "UPLOAD_NOT_OPEN");
    await subject().uploads.commits.assemble(uploadId, sampleObject(upload, { sizeBytes: SIZE_BYTES }));
    expect((await begin(uploadId, 1)).kind).to.equal("durable");
    await subject().uploads.catalogue.abort("default", dying.uploadId, TEST_ACTOR);
    await expectRefusal(begin(dying.uploadId, 1), "UPLOAD_NOT_OPEN");
  });

  it("fences whoever writes the part, and is fenced by who writes it next", async () => {
    const { upload, epoch: whole } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    const one = epochOf(await begin(uploadId, 2));
    await expectRefusal(subject().uploads.writers.claimParts(uploadId, whole, { first: 1, count: 1 }), "WRITER_FENCED");
    const two = epochOf(await begin(uploadId, 2));
    await expectRefusal(subject().uploads.writers.recordParts(uploadId, one, [samplePart(2)]), "WRITER_FENCED");
    const { epoch: lane } = await beginNext(subject(), { uploadId, lane: { offset: 0, sizeBytes: PART_BYTES } });
    await subject().uploads.writers.recordParts(uploadId, two, [samplePart(2)], { isLast: true });
    await subject().uploads.writers.claimParts(uploadId, lane, { first: 1, count: 1 });
    const late = subject().uploads.writers.recordParts(uploadId, one, [samplePart(2, { etag: "other" })], {
      isLast: true,
    });
    await expectRefusal(late, "WRITER_FENCED");
  });

  it("takes the last record of a writer twice, and then forgets the writer", async () => {
    const { uploadId } = await createOpen(subject(), { sizeBytes: SIZE_BYTES });
    const { epoch, parts } = await write(uploadId, 1);
    await subject().uploads.writers.recordParts(uploadId, epoch, parts, { isLast: true });
    const beat = { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS };
    await expectRefusal(subject().uploads.writers.heartbeat(uploadId, epoch, beat), "WRITER_FENCED");
    expect((await subject().uploads.catalogue.get("default", uploadId)).receivedBytes).to.equal(PART_BYTES);
  });

  it("takes no part that ends beyond the most bytes of an upload, and fences nobody", async () => {
    const sizeMaxBytes = 2 * PART_BYTES + 1;
    const { uploadId } = await createOpen(subject(), { sizeMaxBytes });
    await write(uploadId, 2);
    const error = await expectRefusal(begin(uploadId, 3), "SIZE_LIMIT");
    expect(error.details).to.deep.equal({ end_offset: 3 * PART_BYTES, size_bytes_max: sizeMaxBytes });
    const { upload } = await subject().uploads.catalogue.get("default", uploadId);
    expect([upload.epoch, upload.sizeMaxBytes]).to.deep.equal([1, sizeMaxBytes]);
    const declared = await createOpen(subject(), { sizeMaxBytes, sizeBytes: sizeMaxBytes });
    await write(declared.uploadId, 3, 1);
  });

  it("refuses what is no part of the file, and fences nobody", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const { uploadId } = upload;
    for (const [number, lengthBytes] of [
      [1, 10],
      [1, PART_BYTES + 1],
      [3, PART_BYTES],
      [3, 9],
    ] as const) {
      await expectRefusal(begin(uploadId, number, lengthBytes), "SIZE_MISMATCH");
    }
    await expectRefusal(begin(uploadId, 4, 10), "RANGE_INVALID");
    const large = await createOpen(subject(), { sizeBytes: 3 * LARGE_PART_BYTES, partSizeBytes: LARGE_PART_BYTES });
    const error = await expectRefusal(begin(large.uploadId, 2, PART_BYTES), "SIZE_LIMIT");
    expect(error.details).to.deep.equal({
      part_number: 2,
      part_bytes: LARGE_PART_BYTES,
      part_bytes_max: UNARY_PART_MAX_BYTES,
    });
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    const unknown = await createOpen(subject());
    await expectRefusal(begin(unknown.uploadId, 1, 10), "SIZE_MISMATCH");
    const elsewhere = await createOpen(subject(), { namespace: "other" });
    await expectRefusal(begin(elsewhere.uploadId, 1), "UPLOAD_NOT_FOUND");
  });
}
