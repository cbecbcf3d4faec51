import { expect } from "chai";
import {
  beginNext,
  createOpen,
  createWritten,
  expectRefusal,
  type RepositorySubject,
  samplePart,
} from "../../rigs/database/repository-subject.ts";

const PART_BYTES = samplePart(1).lengthBytes;

/** What becomes of the parts of a live writer that did not know where the file ends. */
export function sealedSizeContract(subject: () => RepositorySubject): void {
  const partsOf = async (uploadId: string) => {
    const { parts } = await subject().uploads.catalogue.get("default", uploadId);
    return parts.map(({ partNumber }) => partNumber);
  };
  /** An upload of unknown size with so many durable parts, and the next two claimed. */
  const write = async (count: number) => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 1, count: count + 2 });
    const parts = Array.from({ length: count }, (_, index) => samplePart(index + 1));
    await subject().uploads.writers.recordParts(uploadId, epoch, parts);
    return { uploadId, epoch };
  };

  it("forgets parts beyond the size that is sealed, durable or claimed", async () => {
    const { uploadId, epoch } = await write(4);
    await subject().uploads.commits.seal(uploadId, 3 * PART_BYTES);
    expect(await partsOf(uploadId)).to.deep.equal([1, 2, 3]);
    await beginNext(subject(), { uploadId });
    await expectRefusal(subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(5)]), "WRITER_FENCED");
    expect(await partsOf(uploadId)).to.deep.equal([1, 2, 3]);
  });

  it("records no part beyond a sealed size, nor any that comes with it, and says why", async () => {
    const { uploadId, epoch } = await write(2);
    await subject().uploads.commits.seal(uploadId, 3 * PART_BYTES);
    const late = subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(3), samplePart(4)]);
    const error = await expectRefusal(late, "SIZE_MISMATCH");
    expect(error).to.have.property("code", "invalid_argument");
    expect(error.details).to.include({ part_number: 4, declared_size_bytes: 3 * PART_BYTES });
    expect(await partsOf(uploadId)).to.deep.equal([1, 2]);
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(3)]);
    expect(await partsOf(uploadId)).to.deep.equal([1, 2, 3]);
  });

  it("records no part of an empty file, nor one beyond a declared size", async () => {
    const empty = await write(0);
    await subject().uploads.commits.seal(empty.uploadId, 0);
    const late = subject().uploads.writers.recordParts(empty.uploadId, empty.epoch, [samplePart(1)], { isLast: true });
    await expectRefusal(late, "SIZE_MISMATCH");
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: PART_BYTES });
    const beyond = subject().uploads.writers.recordParts(upload.uploadId, epoch, [samplePart(2)]);
    await expectRefusal(beyond, "SIZE_MISMATCH");
  });

  it("claims parts up to a sealed size and none beyond", async () => {
    const { uploadId, epoch } = await write(1);
    await subject().uploads.commits.seal(uploadId, 3 * PART_BYTES);
    const claim = (first: number) => subject().uploads.writers.claimParts(uploadId, epoch, { first, count: 3 });
    await claim(2);
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(2), samplePart(3)]);
    await claim(3);
    await expectRefusal(claim(4), "SIZE_MISMATCH");
  });

  it("records nothing once the manifest is frozen", async () => {
    const { uploadId, epoch } = await write(3);
    await subject().uploads.commits.seal(uploadId, 3 * PART_BYTES);
    const frozen = await subject().uploads.commits.beginCompletion(uploadId, { crc32: 9 });
    expect(frozen).to.deep.include({ state: "completing", crc32: 9 });
    for (const part of [3, 4]) {
      await expectRefusal(
        subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(part)]),
        "UPLOAD_NOT_OPEN",
      );
      const claiming = subject().uploads.writers.claimParts(uploadId, epoch, { first: part, count: 1 });
      await expectRefusal(claiming, "UPLOAD_NOT_OPEN");
    }
    expect(await partsOf(uploadId)).to.deep.equal([1, 2, 3]);
  });

  it("keeps its size when it is opened again, and forgets the CRC32", async () => {
    const { uploadId, epoch } = await write(3);
    await subject().uploads.commits.seal(uploadId, 3 * PART_BYTES);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 9 });
    await subject().uploads.commits.reopen(uploadId, [samplePart(2)]);
    const { upload } = await subject().uploads.catalogue.get("default", uploadId);
    expect(upload).to.deep.include({ state: "open", sizeBytes: 3 * PART_BYTES, crc32: undefined });
    await expectRefusal(subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(4)]), "SIZE_MISMATCH");
    expect(await partsOf(uploadId)).to.deep.equal([1, 3]);
  });

  it("is not opened again for parts that have been sent again since", async () => {
    const { uploadId, epoch } = await write(2);
    await subject().uploads.commits.seal(uploadId, 2 * PART_BYTES);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 9 });
    await subject().uploads.commits.reopen(uploadId, [samplePart(2)]);
    await subject().uploads.writers.claimParts(uploadId, epoch, { first: 2, count: 1 });
    await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(2, { etag: "sent again" })]);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 9 });
    await subject().uploads.commits.reopen(uploadId, [samplePart(2)]);
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload.state).to.equal("completing");
    expect(await partsOf(uploadId)).to.deep.equal([1, 2]);
    await subject().uploads.commits.reopen(uploadId, []);
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload.state).to.equal("open");
  });

  it("keeps the size and the parts of whatever order a seal and a record come in", async () => {
    for (let round = 0; round < 10; round++) {
      const { uploadId, epoch } = await write(3);
      const [late] = await Promise.allSettled([
        subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(4)]),
        subject().uploads.commits.seal(uploadId, 3 * PART_BYTES),
      ]);
      if (late.status === "rejected") expect(late.reason).to.have.property("reason", "SIZE_MISMATCH");
      expect(await partsOf(uploadId)).to.deep.equal([1, 2, 3]);
    }
    const { uploadId } = await createOpen(subject());
    expect(await partsOf(uploadId)).to.deep.equal([]);
  });

  it("seals an unknown size once", async () => {
    const { uploadId } = await createOpen(subject());
    await subject().uploads.commits.seal(uploadId, 0);
    await subject().uploads.commits.seal(uploadId, 0);
    const error = await expectRefusal(subject().uploads.commits.seal(uploadId, 11), "SIZE_MISMATCH");
    expect(error.details).to.include({ size_bytes: 11, declared_size_bytes: 0 });
    expect((await subject().uploads.catalogue.get("default", uploadId)).upload.sizeBytes).to.equal(0);
  });
}
