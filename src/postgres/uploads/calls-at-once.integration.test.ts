import { expect } from "chai";
import { sql } from "slonik";
import type { CommitOutcome } from "../../domain/uploads/upload-commits.ts";
import { createPostgresSubject } from "../../testing/rigs/postgres-subject.ts";
import {
  commitFile,
  createOpen,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  sampleObject,
} from "../../testing/rigs/repository-subject.ts";
import { violates } from "../pool/errors.ts";

/** More calls than one statement takes. */
const CALLS = 120;

describe("Calls that come at once", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
  });
  after(() => subject.close());

  const commit = (upload: { uploadId: string; s3Key: string }, options: object = {}): Promise<CommitOutcome> =>
    subject.uploads.commits.commit(upload.uploadId, {
      fileId: nextUuid(),
      retentionMs: RETENTION_MS,
      object: sampleObject(upload),
      ...options,
    });
  /** Transactions that have written an entry of the journal. */
  const countTransactions = async () =>
    Number(await subject.pools.commands.oneFirst(sql.unsafe`SELECT count(DISTINCT xid) FROM journal_entry`));

  it("create and commit each its own upload", async () => {
    const inputs = Array.from({ length: CALLS }, (__, index) =>
      newUpload({ labels: { index: `${index}` }, metadata: { index: `"${index}"` }, sizeBytes: 10 }),
    );
    const created = await Promise.all(inputs.map((input) => subject.uploads.catalogue.create(input, nextIdentity())));
    for (const [index, { upload, created: isNew }] of created.entries()) {
      const { uploadId, path, labels, metadata, sizeBytes, s3Key } = inputs[index] as (typeof inputs)[0];
      expect(isNew).to.equal(true);
      expect(upload).to.deep.include({ uploadId, path, labels, metadata, sizeBytes, s3Key, state: "open" });
    }
    const outcomes = await Promise.all(created.map(({ upload }) => commit(upload)));
    for (const [index, { kind, upload }] of outcomes.entries()) {
      const { uploadId, path, labels } = inputs[index] as (typeof inputs)[0];
      expect(kind).to.equal("committed");
      expect(upload).to.deep.include({ uploadId, path, state: "committed" });
      expect(upload.file).to.deep.include({ path, labels, generation: 1, s3Key: `prefix/${uploadId}.1` });
      expect(await subject.files.get("default", path)).to.deep.equal(upload.file);
    }
  });

  it("are refused each for its own reason, and keep nobody from being created", async () => {
    const [path, identity] = [nextPath(), nextIdentity()];
    await commitFile(subject, path);
    const create = (overrides: object, as = nextIdentity()) =>
      subject.uploads.catalogue.create(newUpload(overrides), as);
    const [first, repeated, other] = await Promise.all([
      create({}, identity),
      create({}, identity),
      create({ path, ifGenerationMatch: 1 }),
      expectRefusal(create({ path, ifGenerationMatch: 0 }), "GENERATION_MISMATCH"),
      expectRefusal(create({ namespace: "unknown" }, nextIdentity({ namespace: "unknown" })), "NAMESPACE_NOT_FOUND"),
      expectRefusal(create({}, { ...identity, contentSha256: Buffer.alloc(32, 8) }), "REQUEST_ID_REUSED"),
    ]);
    expect([first.created, repeated.created].sort()).to.deep.equal([false, true]);
    expect(first.upload).to.deep.equal(repeated.upload);
    expect(other.created).to.equal(true);
  });

  it("commit each with its own outcome, those to one path one after the other", async () => {
    const [path, taken] = [nextPath(), nextUuid()];
    const [same, again] = [await createOpen(subject, { path }), await createOpen(subject, { path })];
    const mismatch = await createOpen(subject, { ifGenerationMatch: 0 });
    await commitFile(subject, mismatch.path);
    const sized = await createOpen(subject, { sizeBytes: 11 });
    const broken = await createOpen(subject);
    await commit(await createOpen(subject), { fileId: taken });
    const fenced = await createOpen(subject);
    const rest = await Promise.all(Array.from({ length: 20 }, () => createOpen(subject)));
    const outcomes = await Promise.all([
      commit(same),
      commit(again),
      commit(mismatch),
      expectRefusal(commit(sized), "SIZE_MISMATCH"),
      commit(broken, { fileId: taken }).then(
        () => expect.fail("two files have one id"),
        (error: Error) => expect(violates(error, "file_pkey"), error.message).to.equal(true),
      ),
      expectRefusal(commit(fenced, { epoch: 3 }), "WRITER_FENCED"),
      ...rest.map((upload) => commit(upload)),
    ]);
    const [one, two, refused] = outcomes as unknown as [CommitOutcome, CommitOutcome, CommitOutcome];
    expect([one, two].map(({ upload }) => upload.file?.generation).sort()).to.deep.equal([1, 2]);
    expect(refused).to.deep.include({ kind: "generation-mismatch", currentGeneration: 1 });
    expect((outcomes.slice(6) as unknown as CommitOutcome[]).map(({ kind }) => kind)).to.deep.equal(
      rest.map(() => "committed"),
    );
  });

  it("take a few transactions together", async () => {
    const before = await countTransactions();
    const created = await Promise.all(Array.from({ length: CALLS }, () => createOpen(subject)));
    await Promise.all(created.map((upload) => commit(upload)));
    expect((await countTransactions()) - before).to.be.lessThan(CALLS / 2);
  });
});
