import { expect } from "chai";
import type { UploadPage, UploadPaging } from "../../../domain/uploads/upload-sweep.ts";
import {
  createOpen,
  type RepositorySubject,
  sampleObject,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

const ALL = 1_000_000;

/** The contract of UploadSweep: which uploads it finds and ends. */
export function uploadSweepContract(subject: () => RepositorySubject): void {
  const createDue = () => createOpen(subject(), { expireAfterMs: 0 });
  const listUncleaned = async (namespace = "default") =>
    (await subject().uploads.sweep.listUncleaned(namespace, { after: "", limit: ALL })).uploads;
  const listStuck = async (olderThanMs: number, namespace = "default") =>
    (await subject().uploads.sweep.listStuck(namespace, { olderThanMs, after: "", limit: ALL })).uploads;
  /** Ids of the uploads in a list that is read by pages. */
  const readPages = async (list: (paging: UploadPaging) => Promise<UploadPage>, limit: number) => {
    const pages: string[][] = [];
    let after = "";
    do {
      const { uploads, next } = await list({ after, limit });
      pages.push(idsOf(uploads));
      after = next;
    } while (after !== "");
    return pages;
  };
  const idsOf = (uploads: { uploadId: string }[]) => uploads.map(({ uploadId }) => uploadId);

  before(async () => {
    // Other tests left these behind.
    for (const { uploadId } of [
      ...(await subject().uploads.sweep.expireDue("default", ALL)),
      ...(await listUncleaned()),
    ]) {
      await subject().uploads.sweep.markCleaned(uploadId);
    }
  });

  it("expires open and assembled uploads past their time, at most so many, the longest due first", async () => {
    const [first, second, third] = [await createDue(), await createDue(), await createDue()];
    await subject().uploads.commits.assemble(second.uploadId, sampleObject(second));
    const young = await createOpen(subject());
    const expired = await subject().uploads.sweep.expireDue("default", 2);
    expect(idsOf(expired)).to.have.members([first.uploadId, second.uploadId]);
    for (const upload of expired) expect(upload.state).to.equal("expired");
    expect(idsOf(await subject().uploads.sweep.expireDue("default", ALL))).to.deep.equal([third.uploadId]);
    expect((await subject().uploads.catalogue.get("default", young.uploadId)).upload.state).to.equal("open");
  });

  it("expires no upload that is completing", async () => {
    const upload = await createDue();
    await subject().uploads.commits.beginCompletion(upload.uploadId, { crc32: 1 });
    expect(idsOf(await subject().uploads.sweep.expireDue("default", ALL))).to.not.include(upload.uploadId);
  });

  it("expires an upload once when two sweepers work", async () => {
    const uploads = await Promise.all(Array.from({ length: 10 }, createDue));
    const swept = await Promise.all([
      subject().uploads.sweep.expireDue("default", ALL),
      subject().uploads.sweep.expireDue("default", ALL),
    ]);
    expect(idsOf(swept.flat()).sort()).to.deep.equal(idsOf(uploads).sort());
  });

  it("lists uploads that stay completing", async () => {
    const stuck = await createOpen(subject());
    await subject().uploads.commits.beginCompletion(stuck.uploadId, { crc32: 1 });
    const open = await createOpen(subject());
    const found = idsOf(await listStuck(0));
    expect(found).to.include(stuck.uploadId).and.not.include(open.uploadId);
    expect(await listStuck(60_000)).to.deep.equal([]);
  });

  it("gives up a completing upload that storage has not shown for so long, and no other", async () => {
    const missing = await createOpen(subject());
    const note = (lostAfterMs: number) => subject().uploads.commits.noteMissing(missing.uploadId, { lostAfterMs });
    const stateOf = async () => (await subject().uploads.catalogue.get("default", missing.uploadId)).upload.state;
    expect(await note(0), "open").to.equal(false);
    expect(await stateOf()).to.equal("open");
    await subject().uploads.commits.beginCompletion(missing.uploadId, { crc32: 1 });
    for (const _ of [1, 2]) expect(await note(60_000)).to.equal(false);
    expect(await stateOf()).to.equal("completing");
    expect(await note(0)).to.equal(true);
    expect(await stateOf()).to.equal("aborted");
    expect(await note(0), "aborted").to.equal(false);
    const assembled = await createOpen(subject());
    await subject().uploads.commits.assemble(assembled.uploadId, sampleObject(assembled));
    expect(await subject().uploads.commits.noteMissing(assembled.uploadId, { lostAfterMs: 0 })).to.equal(false);
    expect((await subject().uploads.catalogue.get("default", assembled.uploadId)).upload.state).to.equal("assembled");
  });

  it("lists dead uploads until they are cleaned, the oldest first", async () => {
    const due = await createDue();
    await subject().uploads.sweep.expireDue("default", ALL);
    const aborted = await createOpen(subject());
    await subject().uploads.catalogue.abort("default", aborted.uploadId, TEST_ACTOR);
    const found = idsOf(await listUncleaned());
    expect(found.slice(-2)).to.deep.equal([due.uploadId, aborted.uploadId]);
    await subject().uploads.sweep.markCleaned(aborted.uploadId);
    await subject().uploads.sweep.markCleaned(aborted.uploadId);
    expect(idsOf(await listUncleaned()))
      .to.include(due.uploadId)
      .and.not.include(aborted.uploadId);
  });

  it("lists no upload whose PutObject may still land", async () => {
    const upload = await createOpen(subject());
    const { epoch } = await subject().uploads.writers.beginWriter("default", upload.uploadId, {
      instance: "test",
      expireAfterMs: 60_000,
    });
    await subject().uploads.writers.beginPutAttempt(upload.uploadId, epoch);
    await subject().uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
    expect(idsOf(await listUncleaned())).not.to.include(upload.uploadId);
    await subject().uploads.sweep.markCleaned(upload.uploadId);
    expect((await subject().uploads.catalogue.get("default", upload.uploadId)).upload.state).to.equal("aborted");
  });

  it("lists by pages, each behind the one before, also behind uploads that stay", async () => {
    const { uploads } = subject();
    const created = await Promise.all([1, 2, 3, 4, 5].map(() => createOpen(subject())));
    for (const { uploadId } of created) await uploads.commits.beginCompletion(uploadId, { crc32: 1 });
    const stuck = await readPages((paging) => uploads.sweep.listStuck("default", { ...paging, olderThanMs: 0 }), 2);
    expect(stuck.every((page) => page.length <= 2)).to.equal(true);
    expect(stuck.flat())
      .to.include.members(idsOf(created))
      .and.deep.equal([...new Set(stuck.flat())]);
    const dead = await Promise.all([1, 2, 3].map(() => createOpen(subject())));
    for (const { uploadId } of dead) await uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
    const uncleaned = await readPages((paging) => uploads.sweep.listUncleaned("default", paging), 2);
    expect(uncleaned.flat()).to.deep.equal(idsOf(await listUncleaned()));
    expect(uncleaned.flat().slice(-3)).to.deep.equal(idsOf(dead));
  });

  it("touches and lists nothing of another namespace", async () => {
    const { uploads } = subject();
    const create = (overrides = {}) => createOpen(subject(), { namespace: "other", ...overrides });
    const [due, stuck, dead] = [await create({ expireAfterMs: 0 }), await create(), await create()];
    await uploads.commits.beginCompletion(stuck.uploadId, { crc32: 1 });
    await uploads.catalogue.abort("other", dead.uploadId, TEST_ACTOR);
    expect(await uploads.sweep.expireDue("default", ALL)).to.deep.equal([]);
    expect(idsOf(await listStuck(0))).not.to.include(stuck.uploadId);
    expect(idsOf(await listUncleaned())).not.to.include(dead.uploadId);
    expect(idsOf(await listStuck(0, "other"))).to.deep.equal([stuck.uploadId]);
    expect(idsOf(await listUncleaned("other"))).to.deep.equal([dead.uploadId]);
    expect(idsOf(await uploads.sweep.expireDue("other", ALL))).to.deep.equal([due.uploadId]);
  });

  it("marks no living upload as cleaned", async () => {
    const upload = await createOpen(subject());
    await subject().uploads.sweep.markCleaned(upload.uploadId);
    await subject().uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
    expect(idsOf(await listUncleaned())).to.include(upload.uploadId);
  });
}
