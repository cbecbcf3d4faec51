import { expect } from "chai";
import type { Change } from "../../../domain/deed.ts";
import { DomainError } from "../../../domain/errors.ts";
import { type File, toFileEtag } from "../../../domain/files/file.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about changes that name an etag. */
export function fileEtagsContract(subject: () => RepositorySubject): void {
  const identify = (method: Change) => ({ identity: nextIdentity({ method }) });
  const remove = (path: string, etag?: string) =>
    subject().files.delete("default", path, {
      ...identify("DeleteFile"),
      retentionMs: RETENTION_MS,
      ...(etag !== undefined && { etag }),
    });
  const restore = (path: string, options: { etag: string; generation?: number }) =>
    subject().files.undelete("default", path, { ...identify("UndeleteFile"), ...options });
  const purge = (path: string, options: { etag: string; generation?: number }) =>
    subject().files.beginPurge("default", path, { ...identify("PurgeFile"), ...options });
  const update = (path: string) =>
    subject().files.update("default", path, {
      ...identify("UpdateFile"),
      change: (file) => ({ ...file, labels: { a: "b" } }),
    });
  const commit = async (): Promise<File> => {
    const { file } = await commitFile(subject(), nextPath());
    if (file === undefined) throw new Error("nothing was committed");
    return file;
  };
  const expectMismatch = async (change: Promise<File>, file: File, etag: string) => {
    const { details } = await expectRefusal(change, "ETAG_MISMATCH");
    expect(details).to.deep.equal({ path: file.path, etag, current_etag: toFileEtag(file) });
  };

  it("deletes the file that has the etag, and no other", async () => {
    const file = await commit();
    const stale = toFileEtag(file);
    const updated = await update(file.path);
    await expectMismatch(remove(file.path, stale), updated, stale);
    await expectMismatch(remove(file.path, "' OR 1=1 --"), updated, "' OR 1=1 --");
    expect(await subject().files.get("default", file.path)).to.deep.equal(updated);
    const deleted = await remove(file.path, toFileEtag(updated));
    expect(deleted).to.include({ fileId: file.fileId, metageneration: 3 });
  });

  it("says that the generation is another before it looks at the etag", async () => {
    const { path } = await commit();
    const options = { ...identify("DeleteFile"), retentionMs: RETENTION_MS, ifGenerationMatch: 2, etag: "other" };
    await expectRefusal(subject().files.delete("default", path, options), "GENERATION_MISMATCH");
  });

  it("restores the deleted file that has the etag, and no other", async () => {
    const file = await commit();
    const deleted = await remove(file.path);
    await expectMismatch(restore(file.path, { etag: toFileEtag(file) }), deleted, toFileEtag(file));
    await expectMismatch(restore(file.path, { etag: "x", generation: 1 }), deleted, "x");
    expect(await restore(file.path, { etag: toFileEtag(deleted) })).to.include({ fileId: file.fileId });
    await expectRefusal(restore(file.path, { etag: toFileEtag(deleted) }), "FILE_EXISTS");
    await expectRefusal(restore(nextPath(), { etag: "x" }), "FILE_NOT_FOUND");
  });

  it("purges the generation that has the etag, and no other", async () => {
    const file = await commit();
    const deleted = await remove(file.path);
    await expectMismatch(purge(file.path, { etag: toFileEtag(file) }), deleted, toFileEtag(file));
    const marked = await purge(file.path, { etag: toFileEtag(deleted), generation: 1 });
    expect(marked.purgeState).to.equal("purging");
    await expectMismatch(purge(file.path, { etag: toFileEtag(deleted) }), marked, toFileEtag(deleted));
  });

  it("lets one of several changes through that name the same etag at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const file = await commit();
      const etag = toFileEtag(file);
      const move = { ...identify("MoveFile"), targetPath: nextPath(), retentionMs: RETENTION_MS, etag };
      const checked = subject().files.update("default", file.path, {
        ...identify("UpdateFile"),
        change: (found) => {
          if (toFileEtag(found) !== etag) throw new DomainError("aborted", "late", { reason: "ETAG_MISMATCH" });
          return { ...found, labels: { won: "update" } };
        },
      });
      const outcomes = await Promise.allSettled([
        remove(file.path, etag),
        remove(file.path, etag),
        checked,
        subject().files.move("default", file.path, move),
      ]);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).to.have.length(1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected")
          expect(["ETAG_MISMATCH", "FILE_NOT_FOUND"]).to.include(outcome.reason.reason);
      }
    }
  });
}
