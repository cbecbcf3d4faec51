import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { UploadCommits } from "../../domain/uploads/upload-commits.ts";
import { beforeFirst } from "../../testing/fakes/before-calls.ts";
import { expectRefusal, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { type Bench, BenchWriter, createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { abortUpload } from "./abort-upload.ts";
import { completeUpload } from "./complete-upload.ts";
import type { UploadAccess } from "./upload-access.ts";

const bytes = seededBytes(300);

describe("abortUpload", () => {
  /** An upload, of unknown size unless it is given, whose bytes are all durable. */
  const write = async (bench: Bench, sizeBytes?: number) => {
    const caller = await BenchWriter.open(bench, { sizeBytes });
    await caller.send(bytes);
    await until("all is durable", () => caller.writer.durableBytes === bytes.length);
    await caller.writer.close();
    return caller.uploadId;
  };
  const toRequest = (uploadId: string) => ({ requestId: nextUuid(), namespace: "default", uploadId });
  const abort = (bench: Bench, uploadId: string) =>
    abortUpload(bench.access, toRequest(uploadId), { caller: SAMPLE_CALLER });
  const complete = (access: UploadAccess, uploadId: string) =>
    completeUpload(access, toRequest(uploadId), { caller: SAMPLE_CALLER });
  const stateOf = async (bench: Bench, uploadId: string) =>
    (await bench.access.uploads.catalogue.get("default", uploadId)).upload.state;

  it("frees what is stored, and may be repeated", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    const request = toRequest(uploadId);
    for (const _ of [1, 2]) {
      const upload = await abortUpload(bench.access, request, { caller: SAMPLE_CALLER });
      expect(upload.state).to.equal("aborted");
    }
    expect(bench.objects.pendingMultiparts).to.deep.equal([]);
    const other = await write(bench);
    const reused = abortUpload(bench.access, { ...request, uploadId: other }, { caller: SAMPLE_CALLER });
    await expectRefusal(reused, "REQUEST_ID_REUSED");
    expect(await stateOf(bench, other)).to.equal("open");
  });

  it("is refused while storage assembles, and the file is committed", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    const hanging = bench.objects.faults.add("completeMultipart", { kind: "hang" });
    const completing = complete(bench.access, uploadId);
    await until("Complete is under way", () => bench.objects.faults.pending === 0);
    const error = await expectRefusal(abort(bench, uploadId), "UPLOAD_NOT_OPEN");
    expect(error.details.state).to.equal("completing");
    expect(error.message).to.include("is completing; this needs it to be open");
    expect(bench.objects.pendingMultiparts, "its parts").to.have.length(1);
    hanging.release();
    const file = await completing;
    expect(file.crc32).to.equal(crc32(bytes));
    expect(bench.objects.bytesOf("bucket", file.s3Key)).to.deep.equal(bytes);
    expect((await expectRefusal(abort(bench, uploadId), "UPLOAD_NOT_OPEN")).details.state).to.equal("committed");
  });

  it("is refused too when Complete failed, for a later call may still find its object", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    bench.objects.faults.add("completeMultipart", { kind: "lost-answer" });
    await expectRefusal(complete(bench.access, uploadId), "STORAGE_UNAVAILABLE");
    await expectRefusal(abort(bench, uploadId), "UPLOAD_NOT_OPEN");
    expect((await complete(bench.access, uploadId)).crc32).to.equal(crc32(bytes));
  });

  for (const method of ["seal", "beginCompletion"] as const satisfies (keyof UploadCommits)[]) {
    it(`wins over a commit that has read the parts and not called ${method} yet`, async () => {
      const bench = createBench();
      const uploadId = await write(bench, method === "seal" ? undefined : bytes.length);
      const uploads = beforeFirst(bench.access.uploads, method, () => abort(bench, uploadId));
      const error = await expectRefusal(complete({ ...bench.access, uploads }, uploadId), "UPLOAD_NOT_OPEN");
      expect(error.details.state).to.equal("aborted");
      expect(await stateOf(bench, uploadId)).to.equal("aborted");
      expect([bench.objects.keys, bench.objects.pendingMultiparts]).to.deep.equal([[], []]);
    });
  }
});
