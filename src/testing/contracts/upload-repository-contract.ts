import { expect } from "chai";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { Upload, UploadState } from "../../domain/uploads/upload.ts";
import {
  beginNext,
  commitFile,
  createOpen,
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
  samplePart,
} from "../rigs/repository-subject.ts";
import { orphanVerdictsContract } from "./orphan-verdicts-contract.ts";
import { presignedPartsContract } from "./presigned-parts-contract.ts";
import { sealedSizeContract } from "./sealed-size-contract.ts";
import { singlePartsContract } from "./single-parts-contract.ts";
import { uploadCommitContract } from "./upload-commit-contract.ts";
import { uploadLanesContract } from "./upload-lanes-contract.ts";
import { uploadStatusContract } from "./upload-status-contract.ts";
import { uploadSweepContract } from "./upload-sweep-contract.ts";
import { wantedCommitContract } from "./wanted-commit-contract.ts";

/** What every UploadRepository does. `make` is called once. */
export function uploadRepositoryContract(make: () => Promise<RepositorySubject>): void {
  let subject: RepositorySubject;
  before(async () => {
    subject = await make();
  });
  after(() => subject.close());

  describe("create", () => createContract(() => subject));
  describe("requests", () => requestsContract(() => subject));
  describe("writing", () => writingContract(() => subject));
  describe("parts", () => partsContract(() => subject));
  describe("a sealed size", () => sealedSizeContract(() => subject));
  describe("single parts", () => singlePartsContract(() => subject));
  describe("presigned parts", () => presignedPartsContract(() => subject));
  describe("lanes", () => uploadLanesContract(() => subject));
  describe("states", () => statesContract(() => subject));
  describe("commit", () => uploadCommitContract(() => subject));
  describe("a wanted commit", () => wantedCommitContract(() => subject));
  describe("status", () => uploadStatusContract(() => subject));
  describe("judging", () => orphanVerdictsContract(() => subject));
  describe("sweeping", () => uploadSweepContract(() => subject));
}

function createContract(subject: () => RepositorySubject): void {
  it("creates an open upload with all that was declared", async () => {
    const expectedSha256 = Buffer.alloc(32, 9);
    const declared = { sizeBytes: 5 * 1024 ** 4, expectedCrc32: 0xffff_ffff, expectedSha256, computeSha256: true };
    const input = newUpload({ ...declared, ifGenerationMatch: 0 });
    const { upload, created } = await subject().uploads.create(input, nextIdentity());
    const { expireAfterMs, expireCapMs: _, ...rest } = input;
    expect(created).to.equal(true);
    expect(upload).to.deep.include({ ...rest, expectedSha256: upload.expectedSha256 });
    expect(Buffer.from(upload.expectedSha256 ?? [])).to.deep.equal(expectedSha256);
    expect(upload).to.deep.include({
      state: "open",
      epoch: 0,
      putAttempt: 0,
      multipartId: undefined,
      object: undefined,
    });
    expect(upload.expireTime.getTime() - upload.createTime.getTime()).to.equal(expireAfterMs);
    const found = await subject().uploads.get("default", input.uploadId);
    expect(found).to.deep.equal({ upload, parts: [], receivedBytes: 0, outstanding: [] });
  });

  it("answers a repeated request with the upload created before", async () => {
    const identity = nextIdentity();
    const first = await subject().uploads.create(newUpload(), identity);
    const second = await subject().uploads.create(newUpload(), identity);
    expect(second).to.deep.equal({ upload: first.upload, created: false });
  });

  it("refuses a request id used for other content", async () => {
    const identity = nextIdentity();
    await subject().uploads.create(newUpload(), identity);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await expectRefusal(subject().uploads.create(newUpload(), other), "REQUEST_ID_REUSED");
  });

  it("keeps request ids of other principals and methods apart", async () => {
    const identity = nextIdentity();
    await subject().uploads.create(newUpload(), identity);
    for (const other of [{ principal: "dev:other" }, { method: "CopyFile" }]) {
      const { created } = await subject().uploads.create(newUpload(), { ...identity, ...other });
      expect(created).to.equal(true);
    }
  });

  it("creates one upload for concurrent requests of one identity", async () => {
    const identity = nextIdentity();
    const inputs = Array.from({ length: 8 }, () => newUpload());
    const outcomes = await Promise.all(inputs.map((input) => subject().uploads.create(input, identity)));
    expect(outcomes.filter((outcome) => outcome.created)).to.have.lengthOf(1);
    expect(new Set(outcomes.map((outcome) => outcome.upload.uploadId)).size).to.equal(1);
  });

  it("checks the precondition", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const create = (ifGenerationMatch: number) =>
      subject().uploads.create(newUpload({ path, ifGenerationMatch }), nextIdentity());
    const error = await expectRefusal(create(0), "GENERATION_MISMATCH");
    expect(error.details).to.include({ if_generation_match: 0, current_generation: 1 });
    await expectRefusal(create(2), "GENERATION_MISMATCH");
    expect((await create(1)).created).to.equal(true);
  });

  it("answers a repeated request although its own commit has changed the generation", async () => {
    const [identity, input] = [nextIdentity(), newUpload({ ifGenerationMatch: 0 })];
    const { upload } = await subject().uploads.create(input, identity);
    const object = sampleObject(upload);
    await subject().uploads.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    const again = await subject().uploads.create(input, identity);
    expect(again.created).to.equal(false);
    expect(again.upload).to.deep.include({ uploadId: upload.uploadId, state: "committed" });
    expect(again.upload.file?.generation).to.equal(1);
  });

  it("does not remember a request that was refused", async () => {
    const [identity, input] = [nextIdentity(), newUpload({ ifGenerationMatch: 1 })];
    await expectRefusal(subject().uploads.create(input, identity), "GENERATION_MISMATCH");
    await commitFile(subject(), input.path);
    expect((await subject().uploads.create(input, identity)).created).to.equal(true);
  });

  it("refuses an unknown namespace", async () => {
    const creating = subject().uploads.create(newUpload({ namespace: "nowhere" }), nextIdentity());
    await expectRefusal(creating, "NAMESPACE_NOT_FOUND");
  });
}

function requestsContract(subject: () => RepositorySubject): void {
  const note = (identity: CommandIdentity, uploadId: string, namespace = "default") =>
    subject().uploads.noteRequest(identity, { namespace, uploadId });

  it("takes the same request again, at once too, and refuses other content under its id", async () => {
    const { uploadId } = await createOpen(subject());
    const identity = nextIdentity({ method: "CompleteUpload" });
    await Promise.all(Array.from({ length: 4 }, () => note(identity, uploadId)));
    await note(identity, uploadId);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    const error = await expectRefusal(note(other, uploadId), "REQUEST_ID_REUSED");
    expect(error).to.have.property("field", "request_id");
    expect(error.details).to.include({ request_id: identity.requestId });
  });

  it("lets one of two racing contents have the id", async () => {
    const [one, two] = [await createOpen(subject()), await createOpen(subject())];
    const identity = nextIdentity({ method: "AbortUpload" });
    const outcomes = await Promise.allSettled([
      note(identity, one.uploadId),
      note({ ...identity, contentSha256: Buffer.alloc(32, 1) }, two.uploadId),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).to.deep.equal(["fulfilled", "rejected"]);
  });

  it("keeps methods and principals apart", async () => {
    const { uploadId } = await createOpen(subject());
    const identity = nextIdentity({ method: "CompleteUpload" });
    await note(identity, uploadId);
    for (const other of [{ method: "AbortUpload" }, { principal: "dev:other" }]) {
      await note({ ...identity, ...other, contentSha256: Buffer.alloc(32, 1) }, uploadId);
    }
  });

  it("does not remember a request for an upload that is not there", async () => {
    const { uploadId } = await createOpen(subject());
    const identity = nextIdentity({ method: "CompleteUpload" });
    await expectRefusal(note(identity, nextUuid()), "UPLOAD_NOT_FOUND");
    await expectRefusal(note(identity, uploadId, "other"), "UPLOAD_NOT_FOUND");
    await note({ ...identity, contentSha256: Buffer.alloc(32, 1) }, uploadId);
  });
}

function writingContract(subject: () => RepositorySubject): void {
  it("numbers the writers of an upload from 1", async () => {
    const first = await createWritten(subject());
    const second = await beginNext(subject(), first.upload);
    expect([first.epoch, second.epoch]).to.deep.equal([1, 2]);
    expect(second.upload).to.deep.include({ state: "open", epoch: 2 });
  });

  it("gives a writer the parts recorded by those before, ascending", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 4 });
    await subject().uploads.recordParts(upload.uploadId, epoch, [samplePart(3), samplePart(1)]);
    const next = await beginNext(subject(), upload);
    expect(next.parts).to.deep.equal([samplePart(1), samplePart(3)]);
  });

  it("returns an upload that is not open as it is, with epoch 0", async () => {
    const { upload, epoch } = await createWritten(subject());
    const object = sampleObject(upload);
    await subject().uploads.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    const start = await beginNext(subject(), upload);
    expect(start).to.deep.include({ epoch: 0, parts: [] });
    expect(start.upload).to.deep.include({ state: "committed", epoch });
    expect(start.upload.file?.sizeBytes).to.equal(10);
  });

  it("does not find an upload of another namespace", async () => {
    const { uploadId } = await createOpen(subject());
    await expectRefusal(beginNext(subject(), { namespace: "other", uploadId }), "UPLOAD_NOT_FOUND");
    await expectRefusal(subject().uploads.get("other", uploadId), "UPLOAD_NOT_FOUND");
    await expectRefusal(subject().uploads.abort("other", uploadId), "UPLOAD_NOT_FOUND");
    await expectRefusal(beginNext(subject(), { uploadId: nextUuid() }), "UPLOAD_NOT_FOUND");
  });

  it("fences the older writer from every step", async () => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await beginNext(subject(), upload);
    const beat = { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS };
    const error = await expectRefusal(subject().uploads.beginPutAttempt(uploadId, epoch), "WRITER_FENCED");
    expect(error.details).to.include({ epoch: 1, current_epoch: 2 });
    await expectRefusal(subject().uploads.heartbeat(uploadId, epoch, beat), "WRITER_FENCED");
    await expectRefusal(subject().uploads.claimParts(uploadId, epoch, { first: 2, count: 1 }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.recordParts(uploadId, epoch, [samplePart(1)]), "WRITER_FENCED");
    await expectRefusal(subject().uploads.markLost(uploadId, epoch), "WRITER_FENCED");
    await expectRefusal(subject().uploads.seal(uploadId, 10, { epoch }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.beginCompletion(uploadId, { crc32: 1, epoch }), "WRITER_FENCED");
    await expectRefusal(subject().uploads.assemble(uploadId, sampleObject(upload), { epoch }), "WRITER_FENCED");
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, epoch };
    await expectRefusal(
      subject().uploads.commit(uploadId, { ...commit, object: sampleObject(upload) }),
      "WRITER_FENCED",
    );
    await expectRefusal(subject().uploads.commit(uploadId, commit), "WRITER_FENCED");
    expect((await subject().uploads.get("default", uploadId)).upload).to.deep.include({
      ...{ state: "open", sizeBytes: undefined, object: undefined, file: undefined },
    });
    expect((await subject().uploads.get("default", uploadId)).parts).to.deep.equal([]);
  });

  it("notes what the newest writer has received, never less", async () => {
    const { upload, epoch } = await createWritten(subject());
    for (const receivedBytes of [5_000_000_000, 3]) {
      await subject().uploads.heartbeat(upload.uploadId, epoch, { receivedBytes, expireAfterMs: EXPIRE_AFTER_MS });
    }
    expect((await subject().uploads.get("default", upload.uploadId)).receivedBytes).to.equal(5_000_000_000);
    await beginNext(subject(), upload);
    expect((await subject().uploads.get("default", upload.uploadId)).receivedBytes).to.equal(0);
  });

  it("slides the expiry up to its cap, and never back", async () => {
    const { uploadId } = await createOpen(subject(), { expireAfterMs: 60_000, expireCapMs: 600_000 });
    const beginning = { instance: "test", expireAfterMs: 60_000 };
    const { upload, epoch } = await subject().uploads.beginWriter("default", uploadId, beginning);
    const life = async () => {
      const { upload: found } = await subject().uploads.get("default", upload.uploadId);
      return found.expireTime.getTime() - found.createTime.getTime();
    };
    await subject().uploads.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 300_000 });
    expect(await life()).to.be.within(300_000, 330_000);
    await subject().uploads.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 60_000 });
    expect(await life()).to.be.within(300_000, 330_000);
    await subject().uploads.heartbeat(upload.uploadId, epoch, { receivedBytes: 0, expireAfterMs: 900_000 });
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
    const kept = await Promise.all(ids.map((id) => subject().uploads.setMultipartId(uploadId, id)));
    expect(new Set(kept).size).to.equal(1);
    expect(ids).to.include(kept[0]);
    expect((await subject().uploads.get("default", uploadId)).upload.multipartId).to.equal(kept[0]);
  });

  it("numbers the attempts to put a one-part object", async () => {
    const { upload, epoch } = await createWritten(subject());
    expect(await subject().uploads.beginPutAttempt(upload.uploadId, epoch)).to.equal(1);
    const next = await beginNext(subject(), upload);
    expect(await subject().uploads.beginPutAttempt(upload.uploadId, next.epoch)).to.equal(2);
  });

  it("seals an unknown size once", async () => {
    const { uploadId } = await createOpen(subject());
    await subject().uploads.seal(uploadId, 0);
    await subject().uploads.seal(uploadId, 0);
    const error = await expectRefusal(subject().uploads.seal(uploadId, 11), "SIZE_MISMATCH");
    expect(error.details).to.include({ size_bytes: 11, declared_size_bytes: 0 });
    expect((await subject().uploads.get("default", uploadId)).upload.sizeBytes).to.equal(0);
  });

  it("keeps the SHA-256 that a finish declares instead of the one before, until the commit", async () => {
    const [created, declared] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const expectedOf = async (uploadId: string) => {
      const { upload } = await subject().uploads.get("default", uploadId);
      return Buffer.from(upload.expectedSha256 ?? []);
    };
    const sealed = await createOpen(subject(), { expectedSha256: created });
    await subject().uploads.seal(sealed.uploadId, 10);
    expect(await expectedOf(sealed.uploadId)).to.deep.equal(created);
    await subject().uploads.seal(sealed.uploadId, 10, { expectedSha256: declared });
    await subject().uploads.beginCompletion(sealed.uploadId, { crc32: 1 });
    expect(await expectedOf(sealed.uploadId)).to.deep.equal(declared);
    const put = await createOpen(subject());
    await subject().uploads.assemble(put.uploadId, sampleObject(put), { expectedSha256: declared });
    await subject().uploads.assemble(put.uploadId, sampleObject(put), { expectedSha256: created });
    expect(await expectedOf(put.uploadId)).to.deep.equal(declared);
  });
}

function partsContract(subject: () => RepositorySubject): void {
  it("shows claimed parts only once they are recorded", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 3 });
    expect((await subject().uploads.get("default", upload.uploadId)).parts).to.deep.equal([]);
    await subject().uploads.recordParts(upload.uploadId, epoch, [samplePart(2)]);
    expect((await subject().uploads.get("default", upload.uploadId)).parts).to.deep.equal([samplePart(2)]);
  });

  it("lets a newer writer take over claims, and record them", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    const next = await beginNext(subject(), upload);
    await subject().uploads.claimParts(upload.uploadId, next.epoch, { first: 1, count: 2 });
    await subject().uploads.recordParts(upload.uploadId, next.epoch, [samplePart(1), samplePart(2)]);
    expect((await subject().uploads.get("default", upload.uploadId)).parts).to.have.lengthOf(2);
  });

  it("never overwrites a durable part", async () => {
    const { upload, epoch } = await createWritten(subject());
    const { uploadId } = upload;
    await subject().uploads.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await subject().uploads.recordParts(uploadId, epoch, [samplePart(1)]);
    const next = await beginNext(subject(), upload);
    await subject().uploads.claimParts(uploadId, next.epoch, { first: 1, count: 2 });
    const other = samplePart(1, { crc32: 1, etag: "other" });
    await expectRefusal(subject().uploads.recordParts(uploadId, next.epoch, [other]), "CHECKSUM_MISMATCH");
    await subject().uploads.recordParts(uploadId, next.epoch, [samplePart(1, { etag: "other" }), samplePart(2)]);
    expect((await subject().uploads.get("default", uploadId)).parts).to.deep.equal([samplePart(1), samplePart(2)]);
  });

  it("records the same parts twice without harm, and none at all", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 2 });
    const parts = [samplePart(1), samplePart(2)];
    await subject().uploads.recordParts(upload.uploadId, epoch, parts);
    await subject().uploads.recordParts(upload.uploadId, epoch, parts);
    await subject().uploads.recordParts(upload.uploadId, epoch, []);
    expect((await subject().uploads.get("default", upload.uploadId)).parts).to.deep.equal(parts);
  });

  it("takes a record without a claim for the bug it is", async () => {
    const { upload, epoch } = await createWritten(subject());
    const error = await subject()
      .uploads.recordParts(upload.uploadId, epoch, [samplePart(1)])
      .catch((refusal: unknown) => refusal);
    expect(error).to.be.instanceOf(Error).with.property("message").that.includes("unclaimed");
  });

  it("keeps 10,000 parts", async () => {
    const { upload, epoch } = await createWritten(subject());
    await subject().uploads.claimParts(upload.uploadId, epoch, { first: 1, count: 10_000 });
    const parts = Array.from({ length: 10_000 }, (_, index) => samplePart(index + 1));
    await subject().uploads.recordParts(upload.uploadId, epoch, parts);
    expect((await subject().uploads.get("default", upload.uploadId)).parts).to.deep.equal(parts);
  });
}

function statesContract(subject: () => RepositorySubject): void {
  const commitNow = async (upload: Upload) => {
    const object = sampleObject(upload);
    await subject().uploads.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
  };
  const reach: Record<UploadState, (upload: Upload) => Promise<unknown>> = {
    open: async () => undefined,
    completing: ({ uploadId }) => subject().uploads.beginCompletion(uploadId, { crc32: 1 }),
    assembled: (upload) => subject().uploads.assemble(upload.uploadId, sampleObject(upload)),
    committed: commitNow,
    aborted: ({ uploadId }) => subject().uploads.abort("default", uploadId),
    expired: async () => {
      while ((await subject().uploads.expireDue("default", 100)).length > 0);
    },
  };
  const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS };
  const beat = { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS };
  type Step = (upload: Upload) => Promise<unknown>;
  const steps: Record<string, { from: UploadState[]; run: Step }> = {
    heartbeat: {
      from: ["open", "completing", "assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.heartbeat(uploadId, 1, beat),
    },
    setMultipartId: { from: ["open"], run: ({ uploadId }) => subject().uploads.setMultipartId(uploadId, "m") },
    beginPutAttempt: { from: ["open"], run: ({ uploadId }) => subject().uploads.beginPutAttempt(uploadId, 1) },
    claimParts: {
      from: ["open"],
      run: ({ uploadId }) => subject().uploads.claimParts(uploadId, 1, { first: 2, count: 1 }),
    },
    recordParts: { from: ["open"], run: ({ uploadId }) => subject().uploads.recordParts(uploadId, 1, [samplePart(1)]) },
    seal: { from: ["open"], run: ({ uploadId }) => subject().uploads.seal(uploadId, 10) },
    beginCompletion: {
      from: ["open", "completing"],
      run: ({ uploadId }) => subject().uploads.beginCompletion(uploadId, { crc32: 1 }),
    },
    reopen: { from: ["open", "completing"], run: ({ uploadId }) => subject().uploads.reopen(uploadId, []) },
    markLost: { from: ["open", "aborted"], run: ({ uploadId }) => subject().uploads.markLost(uploadId, 1) },
    assemble: {
      from: ["open", "completing", "assembled", "committed"],
      run: (upload) => subject().uploads.assemble(upload.uploadId, sampleObject(upload)),
    },
    noteCommit: {
      from: ["completing", "assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.noteCommit(uploadId, { isWanted: false }),
    },
    setSha256: {
      from: ["assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.setSha256(uploadId, Buffer.alloc(32, 3)),
    },
    commit: { from: ["assembled", "committed"], run: ({ uploadId }) => subject().uploads.commit(uploadId, commit) },
    "commit with an object": {
      from: ["open", "assembled", "committed"],
      run: (upload) =>
        subject().uploads.commit(upload.uploadId, { ...commit, fileId: nextUuid(), object: sampleObject(upload) }),
    },
    abort: { from: ["open", "aborted"], run: ({ uploadId }) => subject().uploads.abort("default", uploadId) },
  };

  for (const [name, { from, run }] of Object.entries(steps)) {
    it(`${name} works from ${from.join(", ")} and from no other state`, async () => {
      for (const state of Object.keys(reach) as UploadState[]) {
        const { upload } = await createWritten(subject(), state === "expired" ? { expireCapMs: 0 } : {});
        if (state !== "expired") await subject().uploads.claimParts(upload.uploadId, 1, { first: 1, count: 1 });
        commit.fileId = nextUuid();
        await reach[state](upload);
        if (from.includes(state)) await run(upload);
        else {
          const error = await expectRefusal(run(upload), "UPLOAD_NOT_OPEN");
          expect(error.details.state).to.equal(state);
          expect((await subject().uploads.get("default", upload.uploadId)).upload.state).to.equal(state);
        }
      }
    });

    it(`${name} does not find an unknown upload`, async () => {
      const unknown = newUpload() as unknown as Upload;
      await expectRefusal(run(unknown), "UPLOAD_NOT_FOUND");
    });
  }
}
