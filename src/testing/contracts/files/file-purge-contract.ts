import { expect } from "chai";
import type { Change } from "../../../domain/deed.ts";
import type { File } from "../../../domain/files/file.ts";
import type { FileRetention } from "../../../domain/files/file-retention.ts";
import type { NewUpload } from "../../../domain/uploads/upload-catalogue.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about files whose bytes are removed for good. */
export function filePurgeContract(subject: () => RepositorySubject): void {
  const identify = (method: Change) => ({ identity: nextIdentity({ method }) });
  const remove = (path: string, retentionMs = RETENTION_MS) =>
    subject().files.delete("default", path, { ...identify("DeleteFile"), retentionMs });
  const purge = (path: string, options: { generation?: number } = {}) =>
    subject().files.beginPurge("default", path, { ...identify("PurgeFile"), ...options });
  const keep = (path: string, generation: number, retention: Partial<FileRetention>) =>
    subject().files.update("default", path, {
      ...identify("UpdateFile"),
      generation,
      change: (file) => ({ ...file, ...retention }),
    });
  const commitDeleted = async (overrides: Partial<NewUpload> = {}) => {
    const upload = await commitFile(subject(), nextPath(), overrides);
    return { ...upload, file: await remove(upload.path) };
  };
  /** All that is due, by pages. */
  const listDue = async (limit = 1000, namespace = "default") => {
    const found: File[] = [];
    let after = "";
    do {
      const { files, next } = await subject().files.beginDuePurges(namespace, { after, limit });
      expect(files.length).to.be.at.most(limit);
      found.push(...files);
      after = next;
    } while (after !== "");
    return found;
  };

  it("marks the file deleted last, which then can neither be restored nor kept", async () => {
    const { path } = await commitDeleted();
    await commitFile(subject(), path);
    await remove(path);
    const marked = await purge(path);
    expect(marked).to.include({ generation: 2, purgeState: "purging", metageneration: 3 });
    expect(marked.purgeTime?.getTime()).to.be.at.most((marked.deleteTime?.getTime() ?? 0) + RETENTION_MS / 2);
    const restore = (generation: number) =>
      subject().files.undelete("default", path, { ...identify("UndeleteFile"), generation });
    await expectRefusal(restore(2), "FILE_PURGED");
    await expectRefusal(keep(path, 2, { legalHold: true }), "FILE_PURGED");
    const { files } = await subject().files.list("default", { prefix: path, limit: 5, showDeleted: true });
    expect(files.map(({ generation }) => generation)).to.deep.equal([1]);
    expect((await restore(1)).generation).to.equal(1);
  });

  it("leaves a tombstone of what was purged, and of its upload", async () => {
    const sha256 = Buffer.alloc(32, 3);
    const { path, uploadId, file } = await commitDeleted({ expectedSha256: sha256, expectedCrc32: 0xdead_beef });
    await purge(path);
    const [tombstone] = await subject().files.endPurges("default", [file.fileId]);
    const { fileId, generation, createTime, deleteTime, sizeBytes, s3Key, s3VersionId } = file;
    const gone = {
      crc32: 0,
      sha256: undefined,
      s3Etag: "",
      contentType: "",
      metadata: {},
      labels: {},
      dataSubject: "",
    };
    const stays = { fileId, path, generation, createTime, deleteTime, sizeBytes, s3Key, s3VersionId };
    expect(tombstone).to.deep.include({ ...stays, ...gone, purgeState: "purged", metageneration: 4 });
    expect(await subject().files.get("default", path, { generation: 1 })).to.deep.equal(tombstone);
    const { upload, parts } = await subject().uploads.catalogue.get("default", uploadId);
    const { s3Etag: etag, ...same } = gone;
    const { crc32, sha256: _, ...description } = same;
    const undeclared = { expectedCrc32: undefined, expectedSha256: undefined };
    expect(upload).to.deep.include({ ...description, ...undeclared, crc32, state: "committed", file: tombstone });
    expect(upload.object).to.deep.include({ etag, crc32, sha256: undefined });
    expect(parts).to.deep.equal([]);
  });

  it("purges once, whoever repeats it", async () => {
    const { path, file } = await commitDeleted();
    const identity = nextIdentity({ method: "PurgeFile" });
    const first = await subject().files.beginPurge("default", path, { identity });
    expect(await subject().files.beginPurge("default", path, { identity })).to.deep.equal(first);
    expect(await purge(path)).to.deep.equal(first);
    const [tombstone] = await subject().files.endPurges("default", [file.fileId]);
    expect(await subject().files.endPurges("default", [file.fileId])).to.deep.equal([tombstone]);
    expect(await purge(path)).to.deep.equal(tombstone);
    await commitFile(subject(), path);
    await remove(path);
    expect(await subject().files.beginPurge("default", path, { identity })).to.deep.equal(tombstone);
    const other = { identity: { ...identity, contentSha256: Buffer.alloc(32, 1) } };
    await expectRefusal(subject().files.beginPurge("default", path, other), "REQUEST_ID_REUSED");
    const restored = await subject().files.undelete("default", path, identify("UndeleteFile"));
    expect(restored.generation).to.equal(2);
  });

  it("purges a superseded generation by its number, and no live one", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await expectRefusal(purge(path), "FILE_LIVE");
    await commitFile(subject(), path);
    const error = await expectRefusal(purge(path, { generation: 2 }), "FILE_LIVE");
    expect(error.details).to.deep.equal({ path, generation: 2 });
    expect(await purge(path, { generation: 1 })).to.include({ generation: 1, purgeState: "purging" });
    await expectRefusal(purge(path, { generation: 3 }), "FILE_NOT_FOUND");
    await expectRefusal(purge(nextPath()), "FILE_NOT_FOUND");
  });

  it("marks what is due of one namespace alone", async () => {
    const { path } = await commitFile(subject(), nextPath(), { namespace: "other" });
    const identity = nextIdentity({ method: "DeleteFile", namespace: "other" });
    await subject().files.delete("other", path, { identity, retentionMs: 0 });
    const pathsOf = (files: File[]) => files.map((file) => file.path);
    expect(pathsOf(await listDue())).not.to.include(path);
    expect(pathsOf(await listDue(1000, "other"))).to.deep.equal([path]);
  });

  it("purges nothing that is kept, and no older one in its stead", async () => {
    const { path } = await commitDeleted();
    await commitFile(subject(), path);
    await remove(path, 0);
    for (const retention of [{ legalHold: true }, { retainUntilTime: new Date("2099-01-01T00:00:00Z") }]) {
      await keep(path, 2, { legalHold: false, ...retention });
      await expectRefusal(purge(path), "FILE_RETAINED");
      const due = await listDue();
      expect(due.filter((file) => file.path === path)).to.deep.equal([]);
    }
    expect((await purge(path, { generation: 1 })).generation).to.equal(1);
  });

  it("finds what is due, superseded or deleted, in pages of any size, until it is purged", async () => {
    const made: string[] = [];
    for (let count = 0; count < 5; count++) {
      const { path } = await commitFile(subject(), nextPath());
      if (count === 0) await commitFile(subject(), path, {}, { retentionMs: 0 });
      else await remove(path, 0);
      made.push(path);
    }
    const { path: marked } = await commitDeleted();
    await purge(marked);
    const { path: later } = await commitDeleted();
    const ofMine = (files: File[]) =>
      files.filter(({ path }) => [...made, marked, later].includes(path)).map(({ path }) => path);
    for (const limit of [1, 2, 1000]) expect(ofMine(await listDue(limit))).to.have.members([...made, marked]);
    const due = await listDue();
    expect(due.every(({ purgeState }) => purgeState === "purging")).to.equal(true);
    await subject().files.endPurges(
      "default",
      due.map(({ fileId }) => fileId),
    );
    expect(await listDue()).to.deep.equal([]);
    expect((await subject().files.get("default", made[0] as string)).generation).to.equal(2);
  });

  it("purges or restores, never both, when both are asked for at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const { path } = await commitDeleted();
      const [restored, marked] = await Promise.allSettled([
        subject().files.undelete("default", path, identify("UndeleteFile")),
        purge(path),
      ]);
      expect([restored.status, marked.status]).to.include("fulfilled").and.include("rejected");
      const { purgeState, deleteTime } = await subject().files.get("default", path, { generation: 1 });
      expect(purgeState === "purging").to.equal(deleteTime !== undefined);
    }
  });
}
