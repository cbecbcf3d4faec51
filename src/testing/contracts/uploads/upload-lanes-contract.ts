import { expect } from "chai";
import type { ByteRange } from "../../../domain/uploads/upload.ts";
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
/** Four whole parts and a short one. */
const SIZE_BYTES = 4 * PART_BYTES + 10;

/** Parts `first` to `last`, cut off at the end of the file. */
function laneOf(first: number, last: number): ByteRange {
  const offset = (first - 1) * PART_BYTES;
  return { offset, sizeBytes: Math.min(last * PART_BYTES, SIZE_BYTES) - offset };
}

/** The contract of UploadWriters about several writers of one upload. */
export function uploadLanesContract(subject: () => RepositorySubject): void {
  const create = () => createOpen(subject(), { sizeBytes: SIZE_BYTES });
  const claim = (uploadId: string, epoch: number, part: number) =>
    subject().uploads.writers.claimParts(uploadId, epoch, { first: part, count: 1 });

  it("lets writers of disjoint lanes work side by side", async () => {
    const { uploadId } = await create();
    const one = await beginNext(subject(), { uploadId, lane: laneOf(1, 2) });
    const two = await beginNext(subject(), { uploadId, lane: laneOf(3, 5) });
    expect([one.epoch, two.epoch]).to.deep.equal([1, 2]);
    expect([one.range, two.range]).to.deep.equal([
      { start: 0, end: 2 * PART_BYTES },
      { start: 2 * PART_BYTES, end: SIZE_BYTES },
    ]);
    for (const [{ epoch }, part] of [
      [one, 2],
      [two, 3],
    ] as const) {
      await claim(uploadId, epoch, part);
      await subject().uploads.writers.recordParts(uploadId, epoch, [samplePart(part)]);
      await subject().uploads.writers.heartbeat(uploadId, epoch, { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS });
    }
    expect(await subject().uploads.writers.beginPutAttempt(uploadId, one.epoch)).to.equal(1);
    await subject().uploads.commits.beginCompletion(uploadId, { crc32: 1, epoch: one.epoch });
    const found = await subject().uploads.catalogue.get("default", uploadId);
    expect(found.parts).to.deep.equal([samplePart(2), samplePart(3)]);
    expect(found.upload).to.deep.include({ state: "completing", epoch: 2 });
  });

  it("fences every older writer that the new one intersects, and no other", async () => {
    const { uploadId } = await create();
    const lanes = [laneOf(1, 1), laneOf(2, 2), laneOf(3, 3), laneOf(4, 5)];
    const writers = [];
    for (const lane of lanes) writers.push(await beginNext(subject(), { uploadId, lane }));
    await beginNext(subject(), { uploadId, lane: laneOf(2, 3) });
    for (const [index, { epoch }] of writers.entries()) {
      const claiming = claim(uploadId, epoch, index + 1);
      if (index === 1 || index === 2) await expectRefusal(claiming, "WRITER_FENCED");
      else await claiming;
    }
  });

  it("fences lanes by a writer of the whole file, and that by any lane", async () => {
    const { uploadId } = await create();
    const lane = await beginNext(subject(), { uploadId, lane: laneOf(5, 5) });
    const whole = await beginNext(subject(), { uploadId });
    expect(whole.range).to.deep.equal({ start: 0, end: undefined });
    await expectRefusal(claim(uploadId, lane.epoch, 5), "WRITER_FENCED");
    const again = await beginNext(subject(), { uploadId, lane: laneOf(5, 5) });
    await expectRefusal(claim(uploadId, whole.epoch, 1), "WRITER_FENCED");
    await claim(uploadId, again.epoch, 5);
  });

  it("sums what the writers have received beyond what is durable of their lanes", async () => {
    const { uploadId } = await create();
    const one = await beginNext(subject(), { uploadId, lane: laneOf(1, 2) });
    const two = await beginNext(subject(), { uploadId, lane: laneOf(4, 5) });
    const received = async () => (await subject().uploads.catalogue.get("default", uploadId)).receivedBytes;
    const note = (epoch: number, receivedBytes: number) =>
      subject().uploads.writers.heartbeat(uploadId, epoch, { receivedBytes, expireAfterMs: EXPIRE_AFTER_MS });
    await note(one.epoch, 100);
    await note(two.epoch, 7);
    expect(await received()).to.equal(107);
    await claim(uploadId, one.epoch, 1);
    await subject().uploads.writers.recordParts(uploadId, one.epoch, [samplePart(1)]);
    expect(await received(), "less was noted than is durable").to.equal(PART_BYTES + 7);
    await note(one.epoch, PART_BYTES + 50);
    expect(await received()).to.equal(PART_BYTES + 57);
    await claim(uploadId, two.epoch, 5);
    await subject().uploads.writers.recordParts(uploadId, two.epoch, [samplePart(5, { lengthBytes: 10 })]);
    expect(await received(), "the last part is short").to.equal(PART_BYTES + 60);
    await beginNext(subject(), { uploadId, lane: laneOf(2, 2) });
    expect(await received(), "a fenced writer's bytes are lost").to.equal(PART_BYTES + 10);
    const [status] = await subject().uploads.catalogue.listStatus([uploadId]);
    expect(status).to.deep.include({ receivedBytes: PART_BYTES + 10, durableBytes: PART_BYTES + 10 });
  });

  it("refuses a lane that does not fit the upload, and fences nobody", async () => {
    const { upload, epoch } = await createWritten(subject(), { sizeBytes: SIZE_BYTES });
    const wrong: Record<string, ByteRange> = {
      "begins inside a part": { offset: 1, sizeBytes: PART_BYTES - 1 },
      "begins before the file": { offset: -PART_BYTES, sizeBytes: PART_BYTES },
      "ends inside a part": { offset: 0, sizeBytes: 5 },
      "ends behind the file": { offset: 4 * PART_BYTES, sizeBytes: PART_BYTES },
      "has no byte": { offset: PART_BYTES, sizeBytes: 0 },
      "begins at the end": { offset: SIZE_BYTES, sizeBytes: 1 },
    };
    for (const lane of Object.values(wrong)) {
      await expectRefusal(beginNext(subject(), { uploadId: upload.uploadId, lane }), "RANGE_INVALID");
    }
    await claim(upload.uploadId, epoch, 1);
    const { uploadId } = await createOpen(subject());
    const unknown = beginNext(subject(), { uploadId, lane: { offset: 0, sizeBytes: PART_BYTES } });
    await expectRefusal(unknown, "RANGE_INVALID");
  });

  it("returns an upload that is not open as it is, with the lane's range", async () => {
    const { uploadId } = await create();
    await subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
    const start = await beginNext(subject(), { uploadId, lane: laneOf(2, 3) });
    expect(start).to.deep.include({ epoch: 0, range: { start: PART_BYTES, end: 3 * PART_BYTES } });
    expect(start.upload.state).to.equal("aborted");
  });
}
