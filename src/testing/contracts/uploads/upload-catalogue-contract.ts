import { randomUUID } from "node:crypto";
import { expect } from "chai";
import type { CommandIdentity } from "../../../domain/command-identity.ts";
import { toActor } from "../../../domain/deed.ts";
import { toFirstWriter } from "../../../domain/uploads/upload-writers.ts";
import {
  commitFile,
  createOpen,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
} from "../../rigs/database/repository-subject.ts";
import { fromNow } from "../../rigs/from-now.ts";
import { SAMPLE_CALLER } from "../../samples/sample-records.ts";

/** How a catalogue of uploads creates them, and remembers requests. */
export function uploadCatalogueContract(subject: () => RepositorySubject): void {
  it("creates an open upload with all that was declared", async () => {
    const expectedSha256 = Buffer.alloc(32, 9);
    const declared = { sizeBytes: 5 * 1024 ** 4, expectedCrc32: 0xffff_ffff, expectedSha256, computeSha256: true };
    const input = newUpload({ ...declared, ifGenerationMatch: 0 });
    const { upload, created } = await subject().uploads.catalogue.create(input, nextIdentity());
    const { expireAfterMs, expireCapMs: _, uploadToken: __, ...rest } = input;
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
    const found = await subject().uploads.catalogue.get("default", input.uploadId);
    expect(found).to.deep.equal({ upload, parts: [], receivedBytes: 0, outstanding: [] });
  });

  it("creates an upload with its first writer, who holds the whole file until another one begins", async () => {
    const { catalogue, writers } = subject().uploads;
    const input = newUpload({ sizeBytes: 10, partSizeBytes: 10, firstWriter: { instance: "a-process" } });
    const { upload } = await catalogue.create(input, nextIdentity());
    const { epoch, countedAttempts } = toFirstWriter(upload);
    expect(upload).to.deep.include({ epoch: 1, putAttempt: 1 });
    expect(countedAttempts).to.equal(1);
    await writers.heartbeat(upload.uploadId, epoch, { receivedBytes: 7, expireAfterMs: input.expireAfterMs });
    expect((await catalogue.get("default", upload.uploadId)).receivedBytes).to.equal(7);
    expect(await writers.beginPutAttempt(upload.uploadId, epoch)).to.equal(2);
    const next = await writers.beginWriter("default", upload.uploadId, { instance: "b", expireAfterMs: 1000 });
    expect(next.epoch).to.equal(2);
    await expectRefusal(writers.beginPutAttempt(upload.uploadId, epoch), "WRITER_FENCED");
  });

  it("counts no PutObject ahead of an upload that may have several parts", async () => {
    for (const sizeBytes of [11, undefined]) {
      const input = newUpload({ sizeBytes, partSizeBytes: 10, firstWriter: { instance: "a-process" } });
      const { upload } = await subject().uploads.catalogue.create(input, nextIdentity());
      expect(upload).to.deep.include({ epoch: 1, putAttempt: 0 });
    }
  });

  it("gives a repeated request no writer", async () => {
    const [identity, firstWriter] = [nextIdentity(), { instance: "a-process" }];
    const { upload } = await subject().uploads.catalogue.create(newUpload({ firstWriter }), identity);
    expect(await subject().uploads.catalogue.create(newUpload({ firstWriter }), identity)).to.deep.equal({
      upload,
      created: false,
    });
  });

  it("answers a repeated request with the upload created before", async () => {
    const identity = nextIdentity();
    const first = await subject().uploads.catalogue.create(newUpload(), identity);
    const second = await subject().uploads.catalogue.create(newUpload(), identity);
    expect(second).to.deep.equal({ upload: first.upload, created: false });
  });

  it("refuses a request id used for other content", async () => {
    const identity = nextIdentity();
    await subject().uploads.catalogue.create(newUpload(), identity);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await expectRefusal(subject().uploads.catalogue.create(newUpload(), other), "REQUEST_ID_REUSED");
  });

  it("keeps request ids of other namespaces, principals and methods apart", async () => {
    const { catalogue } = subject().uploads;
    const identity = nextIdentity();
    const { upload } = await catalogue.create(newUpload(), identity);
    const others: Partial<CommandIdentity>[] = [
      { namespace: "other" },
      { principal: "dev:other" },
      { method: "CopyFile" },
    ];
    for (const other of others) {
      const mine = { ...identity, ...other, contentSha256: Buffer.alloc(32, 1) };
      expect(await catalogue.findCreated(mine)).to.equal(undefined);
      const { created, upload: made } = await catalogue.create(newUpload({ namespace: mine.namespace }), mine);
      expect(created).to.equal(true);
      expect(await catalogue.findCreated(mine)).to.deep.equal(made);
    }
    expect(await catalogue.findCreated(identity)).to.deep.equal(upload);
  });

  it("creates one upload for concurrent requests of one identity", async () => {
    const identity = nextIdentity();
    const inputs = Array.from({ length: 8 }, () => newUpload());
    const outcomes = await Promise.all(inputs.map((input) => subject().uploads.catalogue.create(input, identity)));
    expect(outcomes.filter((outcome) => outcome.created)).to.have.lengthOf(1);
    expect(new Set(outcomes.map((outcome) => outcome.upload.uploadId)).size).to.equal(1);
  });

  it("checks the precondition", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const create = (ifGenerationMatch: number) =>
      subject().uploads.catalogue.create(newUpload({ path, ifGenerationMatch }), nextIdentity());
    const error = await expectRefusal(create(0), "GENERATION_MISMATCH");
    expect(error.details).to.include({ if_generation_match: 0, current_generation: 1 });
    await expectRefusal(create(2), "GENERATION_MISMATCH");
    expect((await create(1)).created).to.equal(true);
  });

  it("answers a repeated request although its own commit has changed the generation", async () => {
    const [identity, input] = [nextIdentity(), newUpload({ ifGenerationMatch: 0 })];
    const { upload } = await subject().uploads.catalogue.create(input, identity);
    const object = sampleObject(upload);
    await subject().uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
    const again = await subject().uploads.catalogue.create(input, identity);
    expect(again.created).to.equal(false);
    expect(again.upload).to.deep.include({ uploadId: upload.uploadId, state: "committed" });
    expect(again.upload.file?.generation).to.equal(1);
  });

  it("does not remember a request that was refused", async () => {
    const [identity, input] = [nextIdentity(), newUpload({ ifGenerationMatch: 1 })];
    await expectRefusal(subject().uploads.catalogue.create(input, identity), "GENERATION_MISMATCH");
    await commitFile(subject(), input.path);
    expect((await subject().uploads.catalogue.create(input, identity)).created).to.equal(true);
  });

  it("refuses an unknown namespace", async () => {
    const creating = subject().uploads.catalogue.create(newUpload({ namespace: "nowhere" }), nextIdentity());
    await expectRefusal(creating, "NAMESPACE_NOT_FOUND");
  });

  describe("requests", () => requestsContract(subject));
  describe("upload tokens", () => uploadTokensContract(subject));
}

function uploadTokensContract(subject: () => RepositorySubject): void {
  const HOUR_MS = 3_600_000;
  const newToken = (uploadsMax: number, lifetimeMs = HOUR_MS) => {
    return { tokenId: nextUuid(), uploadsMax, expireTime: fromNow(lifetimeMs) };
  };
  const create = (input: Parameters<typeof newUpload>[0], identity = nextIdentity()) =>
    subject().uploads.catalogue.create(newUpload(input), identity);

  it("creates as many uploads as each token says, when more calls come at once", async () => {
    const [uploadToken, other] = [newToken(3), newToken(1)];
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => create({ uploadToken })));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).to.have.lengthOf(3);
    const error = await expectRefusal(create({ uploadToken }), "UPLOAD_TOKEN_USED_UP");
    expect([error.code, error.details]).to.deep.equal(["failed_precondition", { uploads_max: 3 }]);
    expect((await create({ uploadToken: other })).created).to.equal(true);
  });

  it("counts no repeated request, and no request that is refused", async () => {
    const uploadToken = newToken(2);
    const [identity, { path }] = [nextIdentity(), await commitFile(subject(), nextPath())];
    const { upload } = await create({ uploadToken }, identity);
    for (let repeated = 0; repeated < 3; repeated++)
      expect(await create({ uploadToken }, identity)).to.deep.equal({ upload, created: false });
    await expectRefusal(create({ uploadToken, path, ifGenerationMatch: 0 }), "GENERATION_MISMATCH");
    await expectRefusal(create({ uploadToken, namespace: "nowhere" }), "NAMESPACE_NOT_FOUND");
    await create({ uploadToken });
    const refused = nextIdentity();
    await expectRefusal(create({ uploadToken }, refused), "UPLOAD_TOKEN_USED_UP");
    expect(await subject().uploads.catalogue.findCreated(refused)).to.equal(undefined);
    expect((await create({ uploadToken }, identity)).created).to.equal(false);
  });

  it("creates nothing once the token has expired, and answers a repeated request all the same", async () => {
    const uploadToken = newToken(2);
    const identity = nextIdentity();
    await create({ uploadToken }, identity);
    const expired = { ...uploadToken, expireTime: fromNow(-HOUR_MS) };
    const error = await expectRefusal(create({ uploadToken: expired }), "TOKEN_EXPIRED");
    expect(error.code).to.equal("unauthenticated");
    expect((await create({ uploadToken: expired }, identity)).created).to.equal(false);
  });

  it("says when a token that is made ends, and makes none for a namespace that is not there", async () => {
    const { catalogue } = subject().uploads;
    const token = { place: "own/", sizeMaxBytes: 10, uploadsMax: 1, onlyNewFiles: false, issuer: SAMPLE_CALLER };
    const make = (namespace: string, lifetimeMs: number) =>
      catalogue.enterToken(
        { ...token, tokenId: randomUUID(), namespace },
        { lifetimeMs, actor: toActor(SAMPLE_CALLER) },
      );
    const [sooner, later] = [await make("default", HOUR_MS), await make("default", 3 * HOUR_MS)];
    expect(later.getTime() - sooner.getTime()).to.be.within(2 * HOUR_MS, 2 * HOUR_MS + 60_000);
    await expectRefusal(make("nowhere", HOUR_MS), "NAMESPACE_NOT_FOUND");
  });

  it("forgets tokens once they have been expired for long enough", async () => {
    const { catalogue } = subject().uploads;
    await create({ uploadToken: newToken(1) });
    expect(await catalogue.forgetTokens({ olderThanMs: 0, limit: 100 })).to.equal(0);
    // Longer than its life: as if that much time had passed.
    expect(await catalogue.forgetTokens({ olderThanMs: -2 * HOUR_MS, limit: 1 })).to.equal(1);
  });
}

function requestsContract(subject: () => RepositorySubject): void {
  const note = (identity: CommandIdentity, uploadId: string) =>
    subject().uploads.catalogue.noteRequest(identity, uploadId);

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

  it("keeps namespaces, methods and principals apart", async () => {
    const { uploadId } = await createOpen(subject());
    const elsewhere = await createOpen(subject(), { namespace: "other" });
    const identity = nextIdentity({ method: "CompleteUpload" });
    await note(identity, uploadId);
    const another = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await note({ ...another, namespace: "other" }, elsewhere.uploadId);
    const others: Partial<CommandIdentity>[] = [{ method: "AbortUpload" }, { principal: "dev:other" }];
    for (const other of others) {
      await note({ ...another, ...other }, uploadId);
    }
  });

  it("does not remember a request for an upload that is not there", async () => {
    const { uploadId } = await createOpen(subject());
    const identity = nextIdentity({ method: "CompleteUpload" });
    await expectRefusal(note(identity, nextUuid()), "UPLOAD_NOT_FOUND");
    await expectRefusal(note({ ...identity, namespace: "other" }, uploadId), "UPLOAD_NOT_FOUND");
    await note({ ...identity, contentSha256: Buffer.alloc(32, 1) }, uploadId);
  });
}
