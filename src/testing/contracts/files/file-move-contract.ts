import { expect } from "chai";
import { DomainError } from "../../../domain/errors.ts";
import { toFileEtag } from "../../../domain/files/file.ts";
import type { FileRepository } from "../../../domain/files/file-repository.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

type MoveOptions = Partial<Parameters<FileRepository["move"]>[2]>;

/** The contract of every FileRepository about files that move to another path. */
export function fileMoveContract(subject: () => RepositorySubject): void {
  const move = (path: string, targetPath: string, options: MoveOptions = {}) => {
    const identity = nextIdentity({ method: "MoveFile" });
    return subject().files.move("default", path, { identity, targetPath, retentionMs: RETENTION_MS, ...options });
  };
  const remove = (path: string) =>
    subject().files.delete("default", path, {
      identity: nextIdentity({ method: "DeleteFile" }),
      retentionMs: RETENTION_MS,
    });
  const get = (path: string, generation?: number) =>
    subject().files.get("default", path, generation === undefined ? {} : { generation });

  it("moves the live file, and nothing of it but its place changes", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const target = `${nextPath()}/%_ü\u{1f600}\u{202e}`;
    const moved = await move(path, target);
    const { updateTime } = moved;
    expect(moved).to.deep.equal({ ...file, path: target, generation: 1, metageneration: 2, updateTime });
    expect(await get(target)).to.deep.equal(moved);
    await expectRefusal(get(path), "FILE_NOT_FOUND");
    await expectRefusal(get(path, 1), "FILE_NOT_FOUND");
  });

  it("gives the next generation of the target, and supersedes what is live there", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const { path: target, file: former } = await commitFile(subject(), nextPath());
    expect(await move(path, target)).to.include({ path: target, generation: 2 });
    const superseded = await get(target, 1);
    expect(superseded).to.include({ fileId: former?.fileId, deleteTime: undefined, metageneration: 2 });
    const { supersedeTime, purgeTime, updateTime } = superseded;
    expect((purgeTime?.getTime() ?? 0) - (supersedeTime?.getTime() ?? 0)).to.equal(RETENTION_MS);
    expect(updateTime).to.deep.equal(supersedeTime);
  });

  it("leaves older generations where they are, and never gives a number of either path out again", async () => {
    const { path } = await commitFile(subject(), nextPath());
    await commitFile(subject(), path);
    const target = nextPath();
    await move(path, target);
    expect((await get(path, 1)).supersedeTime).to.not.equal(undefined);
    expect((await commitFile(subject(), path)).file?.generation).to.equal(3);
    await remove(target);
    expect((await move(path, target)).generation).to.equal(2);
    expect((await commitFile(subject(), path)).file?.generation).to.equal(4);
  });

  it("checks what must be at both paths", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const { path: target } = await commitFile(subject(), nextPath());
    const refusals: [MoveOptions, string][] = [
      [{ ifGenerationMatch: 2 }, "GENERATION_MISMATCH"],
      [{ etag: "other" }, "ETAG_MISMATCH"],
      [{ etag: `${toFileEtag(file as NonNullable<typeof file>)}' OR ''='` }, "ETAG_MISMATCH"],
      [{ ifTargetGenerationMatch: 0 }, "GENERATION_MISMATCH"],
      [{ ifTargetGenerationMatch: 2 }, "GENERATION_MISMATCH"],
    ];
    for (const [options, reason] of refusals) {
      await expectRefusal(move(path, target, options), reason as "ETAG_MISMATCH");
    }
    expect(await get(path)).to.deep.equal(file);
    await expectRefusal(move(nextPath(), target), "FILE_NOT_FOUND");
    const etag = toFileEtag(file as NonNullable<typeof file>);
    const moved = await move(path, target, { etag, ifGenerationMatch: 1, ifTargetGenerationMatch: 1 });
    expect(moved.generation).to.equal(2);
    expect((await move(target, path, { ifTargetGenerationMatch: 0 })).generation).to.equal(2);
  });

  it("moves once for one request id, and refuses it for another move", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const [target, identity] = [nextPath(), nextIdentity({ method: "MoveFile" })];
    const first = await move(path, target, { identity });
    await commitFile(subject(), path);
    const repeated = await Promise.all(Array.from({ length: 3 }, () => move(path, target, { identity })));
    expect(repeated).to.deep.equal([first, first, first]);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await expectRefusal(move(path, nextPath(), { identity: other }), "REQUEST_ID_REUSED");
    expect((await get(path)).generation).to.equal(2);
  });

  it("takes what keeps a file along", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const change = <T>(file: T) => ({ ...file, legalHold: true });
    await subject().files.update("default", path, { identity: nextIdentity({ method: "UpdateFile" }), change });
    expect(await move(path, nextPath())).to.include({ legalHold: true });
  });

  it("serves files that are moved to one path at the same time one after the other", async () => {
    const target = nextPath();
    const sources = await Promise.all(Array.from({ length: 5 }, () => commitFile(subject(), nextPath())));
    const moved = await Promise.all(sources.map(({ path }) => move(path, target)));
    expect(moved.map(({ generation }) => generation).sort()).to.deep.equal([1, 2, 3, 4, 5]);
    expect((await get(target)).generation).to.equal(5);
    const others = await Promise.all(Array.from({ length: 5 }, () => commitFile(subject(), nextPath())));
    const next = nextPath();
    const outcomes = await Promise.allSettled(
      others.map(({ path }) => move(path, next, { ifTargetGenerationMatch: 0 })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).to.have.lengthOf(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).to.have.property("reason", "GENERATION_MISMATCH");
    }
  });

  it("lets two files change places, whatever comes first", async () => {
    const [a, b] = [await commitFile(subject(), nextPath()), await commitFile(subject(), nextPath())];
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.allSettled([move(a.path, b.path), move(b.path, a.path)]);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).to.have.property("reason", "FILE_NOT_FOUND");
      }
      await commitFile(subject(), a.path);
      await commitFile(subject(), b.path);
    }
  });

  it("keeps one live file at each path while files are moved, committed, deleted and restored there", async () => {
    const [path, other] = [nextPath(), nextPath()];
    const undelete = () =>
      subject().files.undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) });
    for (let round = 0; round < 8; round++) {
      await commitFile(subject(), other);
      const outcomes = await Promise.allSettled([
        move(other, path),
        commitFile(subject(), path),
        remove(path),
        undelete(),
        move(path, other),
        commitFile(subject(), path),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        expect(outcome.reason, String(outcome.reason)).to.be.instanceOf(DomainError);
        expect(outcome.reason.reason).to.be.oneOf(["FILE_NOT_FOUND", "FILE_EXISTS"]);
      }
      for (const prefix of [path, other]) {
        const { files } = await subject().files.list("default", { prefix, limit: 10, showDeleted: false });
        expect(files.length).to.be.at.most(1);
      }
    }
  });
}
