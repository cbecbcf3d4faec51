import { expect } from "chai";
import type { FileRepository } from "../../../domain/files/file-repository.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about old generations that become the current one again. */
export function restoreGenerationContract(subject: () => RepositorySubject): void {
  const restore = (
    path: string,
    generation: number,
    options: Partial<Parameters<FileRepository["restoreGeneration"]>[2]> = {},
  ) => {
    const identity = nextIdentity({ method: "RestoreGeneration" });
    return subject().files.restoreGeneration("default", path, {
      identity,
      generation,
      retentionMs: RETENTION_MS,
      ...options,
    });
  };
  const remove = (path: string, retentionMs = RETENTION_MS) =>
    subject().files.delete("default", path, { identity: nextIdentity({ method: "DeleteFile" }), retentionMs });
  const get = (path: string, generation?: number) =>
    subject().files.get("default", path, generation === undefined ? {} : { generation });

  it("makes a superseded generation the next one, and supersedes the live one", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    await commitFile(subject(), path);
    const restored = await restore(path, 1);
    const { updateTime } = restored;
    expect(restored).to.deep.equal({ ...file, generation: 3, metageneration: 3, updateTime });
    expect(await get(path)).to.deep.equal(restored);
    expect((await get(path, 2)).supersedeTime).to.not.equal(undefined);
    await expectRefusal(get(path, 1), "FILE_NOT_FOUND");
    expect((await commitFile(subject(), path)).file?.generation).to.equal(4);
  });

  it("brings a deleted generation back, beside a live file or without one", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    await remove(path);
    expect(await restore(path, 1)).to.deep.include({ fileId: file?.fileId, generation: 2, deleteTime: undefined });
    await remove(path);
    await commitFile(subject(), path);
    expect(await restore(path, 2)).to.include({ fileId: file?.fileId, generation: 4 });
  });

  it("restores no live generation, none that is purged or due, and none that is not there", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await expectRefusal(restore(path, 1), "FILE_LIVE");
    await expectRefusal(restore(path, 2), "FILE_NOT_FOUND");
    await remove(path, 0);
    await expectRefusal(restore(path, 1), "FILE_PURGED");
    await commitFile(subject(), path);
    await commitFile(subject(), path);
    const identity = nextIdentity({ method: "PurgeFile" });
    await subject().files.beginPurge("default", path, { identity, generation: 2 });
    await expectRefusal(restore(path, 2), "FILE_PURGED");
  });

  it("checks what must be live at the path", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await commitFile(subject(), path);
    for (const ifGenerationMatch of [0, 1, 3]) {
      await expectRefusal(restore(path, 1, { ifGenerationMatch }), "GENERATION_MISMATCH");
    }
    expect((await restore(path, 1, { ifGenerationMatch: 2 })).generation).to.equal(3);
    await remove(path);
    expect((await restore(path, 2, { ifGenerationMatch: 0 })).generation).to.equal(4);
  });

  it("never calls a generation purged that is deleted and undeleted meanwhile", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const undelete = () =>
      subject().files.undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) });
    for (let round = 0; round < 20; round++) {
      // No file has this generation, so that each restoring has to say what is in its way.
      const restoring = Array.from({ length: 6 }, () => restore(path, 1, { ifGenerationMatch: 99 }));
      const changing = [remove(path), undelete(), remove(path), undelete(), remove(path), undelete()];
      const [outcomes] = await Promise.all([Promise.allSettled(restoring), Promise.allSettled(changing)]);
      for (const outcome of outcomes)
        expect(outcome).to.have.nested.property("reason.reason").that.is.oneOf(["FILE_LIVE", "GENERATION_MISMATCH"]);
    }
  });

  it("restores none that lies in another region than is allowed, and answers again what it has restored", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await commitFile(subject(), path);
    const error = await expectRefusal(restore(path, 1, { allowedRegions: ["eu-west-1"] }), "RESIDENCY_VIOLATION");
    expect(error.details).to.include({ namespace: "default", bucket: "bucket", region: "eu-central-1" });
    expect(error.code).to.equal("failed_precondition");
    const identity = nextIdentity({ method: "RestoreGeneration" });
    const restored = await restore(path, 1, { identity, allowedRegions: ["eu-west-1", "eu-central-1"] });
    expect(restored.generation).to.equal(3);
    expect(await restore(path, 1, { identity, allowedRegions: ["eu-west-1"] })).to.deep.equal(restored);
  });

  it("restores once for one request id, and serves others one after the other", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await commitFile(subject(), path);
    const identity = nextIdentity({ method: "RestoreGeneration" });
    const same = await Promise.all(Array.from({ length: 3 }, () => restore(path, 1, { identity })));
    expect(new Set(same.map(({ generation }) => generation))).to.deep.equal(new Set([3]));
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await expectRefusal(restore(path, 2, { identity: other }), "REQUEST_ID_REUSED");
    const outcomes = await Promise.allSettled(Array.from({ length: 3 }, () => restore(path, 2)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).to.have.lengthOf(1);
  });
}
