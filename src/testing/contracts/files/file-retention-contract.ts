import { expect } from "chai";
import type { File } from "../../../domain/files/file.ts";
import type { FileRetention } from "../../../domain/files/file-retention.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about files that a hold or a retention keeps. */
export function fileRetentionContract(subject: () => RepositorySubject): void {
  const keep = (path: string, retention: Partial<FileRetention>, generation?: number) =>
    subject().files.update("default", path, {
      identity: nextIdentity({ method: "UpdateFile" }),
      change: (file: File) => ({ ...file, ...retention }),
      ...(generation !== undefined && { generation }),
    });
  const remove = (path: string, retentionMs = RETENTION_MS) =>
    subject().files.delete("default", path, { identity: nextIdentity({ method: "DeleteFile" }), retentionMs });
  const restore = (path: string) =>
    subject().files.undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) });

  it("keeps a hold and a retention with the file", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    expect(file).to.deep.include({ legalHold: false, retainUntilTime: undefined, purgeState: undefined });
    const retention = { legalHold: true, retainUntilTime: new Date("2099-01-02T03:04:05.678Z") };
    expect(await keep(path, retention)).to.deep.include({ ...retention, metageneration: 2 });
    expect(await subject().files.get("default", path)).to.deep.include(retention);
  });

  const settle = async (path: string, hasObjectLock: boolean) =>
    await subject().files.settleHold(await subject().files.get("default", path), hasObjectLock);
  const listUnsettled = async () => {
    const ids: string[] = [];
    for (let after: string | undefined; after !== ""; ) {
      const { files, next } = await subject().files.listUnsettledHolds("default", { after: after ?? "", limit: 2 });
      ids.push(...files.map(({ fileId }) => fileId));
      after = next;
    }
    return ids;
  };

  it("knows which holds storage may not have, until it is told what storage answered", async () => {
    const held: File[] = [];
    for (let count = 0; count < 3; count++) {
      const { path } = await commitFile(subject(), nextPath());
      expect(await keep(path, { labels: { a: "b" } } as Partial<FileRetention>)).to.include({ holdSettled: undefined });
      held.push(await keep(path, { legalHold: true }));
    }
    const [one, other, third] = held as [File, File, File];
    expect(held.map(({ holdSettled }) => holdSettled)).to.deep.equal([false, false, false]);
    expect(await listUnsettled()).to.include.members(held.map(({ fileId }) => fileId));
    const settled = { ...one, holdSettled: true };
    for (const _ of [1, 2]) expect(await settle(one.path, true)).to.deep.equal({ file: settled, isSettled: true });
    expect((await settle(other.path, false)).file).to.deep.equal({ ...other, holdSettled: undefined });
    expect(await listUnsettled())
      .to.include(third.fileId)
      .and.not.include.members([one.fileId, other.fileId]);
    expect(await keep(one.path, { legalHold: true })).to.include({ holdSettled: true });
    expect(await keep(one.path, { legalHold: false })).to.include({ holdSettled: false });
    expect(await keep(other.path, { legalHold: false }), "storage never had it").to.include({ holdSettled: undefined });
    const overtaken = await subject().files.settleHold(one, true);
    expect(overtaken).to.deep.include({ isSettled: false });
    expect(overtaken.file).to.include({ legalHold: false, holdSettled: false });
    for (const path of [one.path, third.path]) await settle(path, true);
  });

  it("retains a new generation from its commit on, if it is to", async () => {
    const retainMs = 7 * 86_400_000;
    const { path, file } = await commitFile(subject(), nextPath(), {}, { retainMs });
    const until = new Date((file?.createTime.getTime() ?? 0) + retainMs);
    expect(file?.retainUntilTime).to.deep.equal(until);
    const found = await subject().files.get("default", path);
    expect(found).to.deep.equal(file);
    await expectRefusal(remove(path), "FILE_RETAINED");
    expect(await keep(path, { retainUntilTime: until })).to.deep.include({ retainUntilTime: until });
    await commitFile(subject(), path);
    const purge = subject().files.beginPurge("default", path, { identity: nextIdentity(), generation: 1 });
    await expectRefusal(purge, "FILE_RETAINED");
    expect((await subject().files.get("default", path)).retainUntilTime).to.equal(undefined);
  });

  it("deletes no file under a hold, until it is lifted", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await keep(path, { legalHold: true });
    const error = await expectRefusal(remove(path), "FILE_RETAINED");
    expect(error.details).to.include({ path, generation: 1, legal_hold: "true" });
    expect((await subject().files.get("default", path)).deleteTime).to.equal(undefined);
    await keep(path, { legalHold: false });
    expect((await remove(path)).deleteTime).to.not.equal(undefined);
  });

  it("deletes a file that is to be retained once that time is over, not before", async () => {
    const [early, late] = [await commitFile(subject(), nextPath()), await commitFile(subject(), nextPath())];
    await keep(early.path, { retainUntilTime: new Date("2099-01-01T00:00:00Z") });
    const error = await expectRefusal(remove(early.path), "FILE_RETAINED");
    expect(error.message).to.include("a retention until 2099-01-01T00:00:00.000Z");
    await keep(late.path, { retainUntilTime: late.createTime });
    expect((await remove(late.path)).generation).to.equal(1);
  });

  it("lets a newer generation take the path of one that is kept", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await keep(path, { legalHold: true });
    expect((await commitFile(subject(), path)).file).to.include({ generation: 2, legalHold: false });
    const superseded = await subject().files.get("default", path, { generation: 1 });
    expect(superseded).to.include({ legalHold: true });
    expect(await keep(path, { legalHold: false }, 1)).to.include({ generation: 1, legalHold: false });
  });

  it("restores a deleted file beyond its purge time while something keeps it", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await remove(path, 0);
    await expectRefusal(restore(path), "FILE_NOT_FOUND");
    await keep(path, { legalHold: true }, 1);
    const { files } = await subject().files.list("default", { prefix: path, limit: 1, showDeleted: true });
    expect(files).to.have.lengthOf(1);
    expect(await restore(path)).to.deep.include({ generation: 1, deleteTime: undefined, legalHold: true });
  });

  it("knows only generations that are there", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await expectRefusal(keep(path, { legalHold: true }, 2), "FILE_NOT_FOUND");
  });
}
