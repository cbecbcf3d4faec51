import { expect } from "chai";
import type { CommandIdentity } from "../../../domain/command-identity.ts";
import type { File } from "../../../domain/files/file.ts";
import type { FileCursor } from "../../../domain/files/file-order.ts";
import type { FileChange } from "../../../domain/files/file-repository.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";
import { fileEtagsContract } from "./file-etags-contract.ts";
import { fileMoveContract } from "./file-move-contract.ts";
import { fileObjectsContract } from "./file-objects-contract.ts";
import { filePagesContract } from "./file-pages-contract.ts";
import { filePurgeContract } from "./file-purge-contract.ts";
import { fileRetentionContract } from "./file-retention-contract.ts";
import { restoreGenerationContract } from "./restore-generation-contract.ts";
import { storedPlacesContract } from "./stored-places-contract.ts";
import { supersededFilesContract } from "./superseded-files-contract.ts";

/** The contract of every FileRepository. `make` is called once; files are made by committing uploads. */
export function fileRepositoryContract(make: () => Promise<RepositorySubject>): void {
  let subject: RepositorySubject;
  before(async () => {
    subject = await make();
  });
  after(() => subject.close());

  describe("get", () => getContract(() => subject));
  describe("list", () => listContract(() => subject));
  describe("listFolder", () => folderContract(() => subject));
  describe("listGenerations", () => generationsContract(() => subject));
  describe("update", () => updateContract(() => subject));
  describe("delete and undelete", () => deleteContract(() => subject));
  describe("moving", () => fileMoveContract(() => subject));
  describe("restoring a generation", () => restoreGenerationContract(() => subject));
  describe("etags", () => fileEtagsContract(() => subject));
  describe("superseded generations", () => supersededFilesContract(() => subject));
  describe("the objects of rows", () => fileObjectsContract(() => subject));
  describe("listPlaces", () => storedPlacesContract(() => subject));
  describe("pages", () => filePagesContract(() => subject));
  describe("purging", () => filePurgeContract(() => subject));
  describe("retention", () => fileRetentionContract(() => subject));
}

const deletion = (overrides: Partial<CommandIdentity> = {}) => ({
  identity: nextIdentity({ method: "DeleteFile", ...overrides }),
  retentionMs: RETENTION_MS,
});
const restoration = () => ({ identity: nextIdentity({ method: "UndeleteFile" }) });

function getContract(subject: () => RepositorySubject): void {
  it("finds the live file, and each generation by its number", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    await commitFile(subject(), path);
    expect((await subject().files.get("default", path)).generation).to.equal(2);
    expect((await subject().files.get("default", path, { generation: 1 })).generation).to.equal(1);
    const deleted = await subject().files.delete("default", path, deletion());
    expect(await subject().files.get("default", path, { generation: 2 })).to.deep.equal(deleted);
  });

  it("does not find what is not there", async () => {
    const path = nextPath();
    await expectRefusal(subject().files.get("default", path), "FILE_NOT_FOUND");
    await commitFile(subject(), path);
    await expectRefusal(subject().files.get("default", path, { generation: 2 }), "FILE_NOT_FOUND");
    await expectRefusal(subject().files.get("other", path), "FILE_NOT_FOUND");
    await expectRefusal(subject().files.get("default", `${path}/below`), "FILE_NOT_FOUND");
    await subject().files.delete("default", path, deletion());
    await expectRefusal(subject().files.get("default", path), "FILE_NOT_FOUND");
  });
}

function listContract(subject: () => RepositorySubject): void {
  const folder = "list";
  // In the order of their bytes: "Z" before "a", "é" (two bytes) after all of ASCII, then Hebrew, right-to-left marks, CJK, then emoji (four bytes).
  const names = [
    "%",
    "'",
    "-",
    "/",
    "Z",
    "\\",
    "_",
    "a",
    "a b",
    'a"b',
    "a/b",
    "a_b",
    "aa",
    "é",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u202e\u0645\u0644\u0641",
    "中",
    "\u{ffee}",
    "\u{1f600}",
  ];
  const sorted = names
    .map((name) => `${folder}/x${name}`)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  before(async () => {
    for (const path of sorted.toReversed()) await commitFile(subject(), path);
    await commitFile(subject(), `${folder}/y`);
    await commitFile(subject(), `${folder}/x${"a"}`, { namespace: "other" });
  });

  async function listAll(prefix: string, options: { limit?: number; showDeleted?: boolean } = {}): Promise<File[]> {
    const { limit = 1_000, showDeleted = false } = options;
    const found: File[] = [];
    let after: FileCursor | undefined;
    do {
      const page = await subject().files.list("default", { prefix, limit, after, showDeleted });
      expect(page.files.length).to.be.at.most(limit);
      found.push(...page.files);
      after = page.next;
    } while (after !== undefined);
    return found;
  }
  const pathsOf = (files: File[]) => files.map((file) => file.path);

  it("orders by the bytes of the path, one page or many", async () => {
    for (const limit of [1_000, 1, 5, names.length]) {
      expect(pathsOf(await listAll(`${folder}/x`, { limit })), `pages of ${limit}`).to.deep.equal(sorted);
    }
  });

  it("takes every character of a prefix for itself", async () => {
    for (const path of sorted) {
      const expected = sorted.filter((other) => other.startsWith(path));
      expect(pathsOf(await listAll(path)), path).to.deep.equal(expected);
    }
    expect(await listAll(`${folder}/%`)).to.deep.equal([]);
  });

  it("lists everything of a namespace under the empty prefix", async () => {
    const all = pathsOf(await listAll(""));
    expect(all).to.include.members([...sorted, `${folder}/y`]);
    const other = await subject().files.list("other", { prefix: "", limit: 10, showDeleted: true });
    expect(pathsOf(other.files)).to.deep.equal([`${folder}/xa`]);
  });

  it("tells where the next page begins only when there is one", async () => {
    const exact = { prefix: `${folder}/x`, limit: names.length, showDeleted: false };
    expect((await subject().files.list("default", exact)).next).to.equal(undefined);
    const page = await subject().files.list("default", { ...exact, limit: 2 });
    expect(page.next).to.deep.equal({ path: page.files[1]?.path, generation: 1 });
    expect(await subject().files.list("default", { ...exact, prefix: "nothing" })).to.deep.equal({
      files: [],
      cursors: [],
      next: undefined,
    });
  });

  it("shows deleted generations that can be restored when asked to, superseded ones never", async () => {
    const path = "deleted/one";
    for (let generation = 1; generation <= 3; generation++) {
      await commitFile(subject(), path);
      if (generation < 3) await subject().files.delete("default", path, deletion());
    }
    await commitFile(subject(), path);
    await commitFile(subject(), "deleted/purged");
    await subject().files.delete("default", "deleted/purged", { ...deletion(), retentionMs: 0 });
    const live = await listAll("deleted/");
    expect(live.map((file) => file.generation)).to.deep.equal([4]);
    for (const limit of [1, 2, 10]) {
      const shown = await listAll("deleted/", { showDeleted: true, limit });
      expect(shown.map((file) => file.generation)).to.deep.equal([1, 2, 4]);
    }
  });
}

function folderContract(subject: () => RepositorySubject): void {
  const root = "folders/";
  const paths = ["a", "a/1", "a/b/2", "a!", "a-b/1", "a-b/2", "b/c/d/e", "c", "z/1", "é/1", "\u{1f600}/1", "%/x"];

  before(async () => {
    for (const path of paths) await commitFile(subject(), root + path);
    for (const path of ["c", "gone/1", "gone/2"]) {
      await commitFile(subject(), root + path);
      await subject().files.delete("default", root + path, deletion());
    }
  });

  async function listAll(prefix: string, options: { limit?: number; showDeleted?: boolean } = {}): Promise<string[]> {
    const { limit = 1_000, showDeleted = false } = options;
    const found: string[] = [];
    let after: FileCursor | undefined;
    do {
      const page = await subject().files.listFolder("default", { prefix, limit, after, showDeleted });
      expect(page.entries.length).to.be.at.most(limit);
      found.push(...page.entries.map((entry) => (entry.kind === "file" ? entry.file.path : entry.path)));
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  it("gives files and folders in the byte order of their paths, one page or many", async () => {
    const expected = ["%/", "a", "a!", "a-b/", "a/", "b/", "z/", "é/", "\u{1f600}/"].map((name) => root + name);
    for (const limit of [1_000, 1, 2, expected.length]) {
      expect(await listAll(root, { limit }), `pages of ${limit}`).to.deep.equal(expected);
    }
    expect(await listAll(`${root}a`)).to.deep.equal(["a", "a!", "a-b/", "a/"].map((name) => root + name));
    expect(await listAll(`${root}a/`)).to.deep.equal(["a/1", "a/b/"].map((name) => root + name));
    expect(await listAll(`${root}b/c/d/e`)).to.deep.equal([`${root}b/c/d/e`]);
    expect(await listAll(`${root}nothing/`)).to.deep.equal([]);
    expect(await listAll("")).to.include(root);
  });

  it("shows deleted files and their folders when asked to", async () => {
    expect(await listAll(`${root}gone/`)).to.deep.equal([]);
    for (const limit of [1_000, 1]) {
      const all = await listAll(root, { showDeleted: true, limit });
      expect(
        all.filter((path) => path === `${root}c`),
        "the last generation, not the superseded one",
      ).to.have.length(1);
      expect(all).to.include(`${root}gone/`).and.have.length(11);
      const gone = await listAll(`${root}gone/`, { showDeleted: true, limit });
      expect(gone).to.deep.equal([`${root}gone/1`, `${root}gone/2`]);
    }
  });
}

function generationsContract(subject: () => RepositorySubject): void {
  it("gives superseded, deleted and live generations, the newest first", async () => {
    const path = nextPath();
    for (let generation = 1; generation <= 4; generation++) {
      await commitFile(subject(), path);
      if (generation === 2) await subject().files.delete("default", path, deletion());
    }
    await commitFile(subject(), `${path}/below`);
    const list = (options: { limit: number; before?: number }) =>
      subject().files.listGenerations("default", path, options);
    const { files, hasMore } = await list({ limit: 4 });
    expect(files.map((file) => file.generation)).to.deep.equal([4, 3, 2, 1]);
    expect(files.map((file) => [file.supersedeTime, file.deleteTime].map((time) => time !== undefined))).to.deep.equal([
      ...[
        [false, false],
        [true, false],
        [false, true],
        [true, false],
      ],
    ]);
    expect(hasMore).to.equal(false);
    const page = await list({ limit: 2, before: 4 });
    expect([page.files.map((file) => file.generation), page.hasMore]).to.deep.equal([[3, 2], true]);
    const none = await subject().files.listGenerations("other", path, { limit: 1 });
    expect(none).to.deep.equal({ files: [], hasMore: false });
  });
}

function updateContract(subject: () => RepositorySubject): void {
  const update = (path: string, change: (file: File) => FileChange, identity = nextIdentity()) =>
    subject().files.update("default", path, { identity, change });
  const label = (value: string) => (file: File) => ({ ...file, labels: { ...file.labels, [value]: "x" } });

  it("keeps what the change makes of the live file, and nothing else of it", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const description = {
      contentType: "text/css",
      metadata: { "": "", "a'b": "\u{1f600}" },
      labels: { "%": "_" },
      dataSubject: "s-1",
    };
    const updated = await update(path, (found) => ({ ...found, ...description, sizeBytes: 7, path: "else" }));
    const { updateTime } = updated;
    expect(updated).to.deep.equal({ ...file, ...description, metageneration: 2, updateTime });
    expect(updateTime.getTime()).to.be.at.least(file?.updateTime.getTime() ?? Number.POSITIVE_INFINITY);
    expect(await subject().files.get("default", path)).to.deep.equal(updated);
  });

  it("changes nothing when the change throws, or no live file is there", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const error = new Error("no");
    const throwing = update(path, () => {
      throw error;
    });
    expect(await throwing.catch((thrown) => thrown)).to.equal(error);
    expect(await subject().files.get("default", path)).to.deep.equal(file);
    await expectRefusal(update(`${path}/below`, label("a")), "FILE_NOT_FOUND");
    await subject().files.delete("default", path, deletion());
    await expectRefusal(update(path, label("a")), "FILE_NOT_FOUND");
  });

  it("loses no change of callers that change a file at the same time", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const names = Array.from({ length: 40 }, (_, index) => `label-${index}`);
    await Promise.all(names.map((name) => update(path, label(name))));
    const { labels, metageneration } = await subject().files.get("default", path);
    expect({ labels, metageneration }).to.deep.equal({
      labels: { ...file?.labels, ...Object.fromEntries(names.map((name) => [name, "x"])) },
      metageneration: 1 + names.length,
    });
  });

  it("changes once for one request id, and refuses it for another change", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const identity = nextIdentity({ method: "UpdateFile" });
    const first = await update(path, label("a"), identity);
    expect(await update(path, label("b"), identity)).to.deep.equal(first);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 1) };
    await expectRefusal(update(path, label("b"), other), "REQUEST_ID_REUSED");
  });
}

function deleteContract(subject: () => RepositorySubject): void {
  it("deletes softly, with the time at which the bytes go", async () => {
    const { path, file } = await commitFile(subject(), nextPath());
    const deleted = await subject().files.delete("default", path, deletion());
    expect(deleted).to.deep.include({ fileId: file?.fileId, generation: 1, path });
    const lifeMs = (deleted.purgeTime?.getTime() ?? 0) - (deleted.deleteTime?.getTime() ?? 0);
    expect(lifeMs).to.equal(RETENTION_MS);
  });

  it("answers a repeated deletion with the file deleted before, even when a new one is there", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    const options = deletion();
    const first = await subject().files.delete("default", path, options);
    expect(await subject().files.delete("default", path, options)).to.deep.equal(first);
    await commitFile(subject(), path);
    expect(await subject().files.delete("default", path, options)).to.deep.equal(first);
    expect((await subject().files.get("default", path)).generation).to.equal(2);
  });

  it("refuses a request id used for another deletion", async () => {
    const [a, b] = [await commitFile(subject(), nextPath()), await commitFile(subject(), nextPath())];
    const { identity } = deletion();
    await subject().files.delete("default", a.path, { identity, retentionMs: 1 });
    const other = { identity: { ...identity, contentSha256: Buffer.alloc(32, 1) }, retentionMs: 1 };
    await expectRefusal(subject().files.delete("default", b.path, other), "REQUEST_ID_REUSED");
    expect((await subject().files.get("default", b.path)).generation).to.equal(1);
  });

  it("keeps request ids of other namespaces apart", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const elsewhere = await commitFile(subject(), path, { namespace: "other" });
    const { identity } = deletion();
    const first = await subject().files.delete("default", path, { identity, retentionMs: RETENTION_MS });
    const other = { ...identity, namespace: "other", contentSha256: Buffer.alloc(32, 1) };
    const deleted = await subject().files.delete("other", path, { identity: other, retentionMs: RETENTION_MS });
    expect(deleted.fileId).to.equal(elsewhere.file?.fileId);
    for (const [namespace, options, answer] of [
      ["default", { identity, retentionMs: RETENTION_MS }, first],
      ["other", { identity: other, retentionMs: RETENTION_MS }, deleted],
    ] as const) {
      expect(await subject().files.delete(namespace, path, options)).to.deep.equal(answer);
    }
  });

  it("checks the precondition of a deletion", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const error = await expectRefusal(
      subject().files.delete("default", path, { ...deletion(), ifGenerationMatch: 2 }),
      "GENERATION_MISMATCH",
    );
    expect(error.details).to.include({ if_generation_match: 2, current_generation: 1 });
    await subject().files.delete("default", path, { ...deletion(), ifGenerationMatch: 1 });
    await expectRefusal(subject().files.delete("default", path, deletion()), "FILE_NOT_FOUND");
  });

  it("deletes nothing again when a deletion is repeated after the file was restored, nor the other way around", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    const [deleting, restoring] = [deletion(), restoration()];
    await subject().files.delete("default", path, deleting);
    const restored = await subject().files.undelete("default", path, restoring);
    expect(await subject().files.delete("default", path, deleting)).to.deep.equal(restored);
    expect(await subject().files.get("default", path)).to.deep.equal(restored);
    const deleted = await subject().files.delete("default", path, deletion());
    expect(await subject().files.undelete("default", path, restoring)).to.deep.equal(deleted);
    await expectRefusal(subject().files.get("default", path), "FILE_NOT_FOUND");
  });

  it("deletes once when two callers delete at the same time", async () => {
    const { path } = await commitFile(subject(), nextPath());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => subject().files.delete("default", path, deletion())),
    );
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).to.have.lengthOf(1);
    const { identity } = deletion();
    await commitFile(subject(), path);
    const repeated = await Promise.all(
      Array.from({ length: 5 }, () => subject().files.delete("default", path, { identity, retentionMs: 1_000 })),
    );
    expect(new Set(repeated.map((file) => file.fileId)).size).to.equal(1);
  });

  it("never says that nothing can be restored while the only file is deleted and restored", async () => {
    const { path } = await commitFile(subject(), nextPath());
    for (let round = 0; round < 20; round++) {
      const restoring = Array.from({ length: 6 }, () => subject().files.undelete("default", path, restoration()));
      const deleting = Array.from({ length: 3 }, () => subject().files.delete("default", path, deletion()));
      const [restored] = await Promise.all([Promise.allSettled(restoring), Promise.allSettled(deleting)]);
      for (const outcome of restored)
        if (outcome.status === "rejected") expect(outcome.reason).to.have.property("reason", "FILE_EXISTS");
    }
  });

  it("restores the file that was deleted last, as the same generation", async () => {
    const path = nextPath();
    for (let i = 0; i < 2; i++) {
      await commitFile(subject(), path);
      await subject().files.delete("default", path, deletion());
    }
    const options = restoration();
    const restored = await subject().files.undelete("default", path, options);
    expect(restored).to.deep.include({ generation: 2, deleteTime: undefined, purgeTime: undefined });
    expect(await subject().files.get("default", path)).to.deep.equal(restored);
    expect(await subject().files.undelete("default", path, options)).to.deep.equal(restored);
  });

  it("restores a named generation", async () => {
    const path = nextPath();
    for (let i = 0; i < 2; i++) {
      await commitFile(subject(), path);
      await subject().files.delete("default", path, deletion());
    }
    const restored = await subject().files.undelete("default", path, { ...restoration(), generation: 1 });
    expect(restored.generation).to.equal(1);
  });

  it("restores nothing onto a live file", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    await subject().files.delete("default", path, deletion());
    await commitFile(subject(), path);
    await expectRefusal(subject().files.undelete("default", path, restoration()), "FILE_EXISTS");
    const named = { ...restoration(), generation: 1 };
    await expectRefusal(subject().files.undelete("default", path, named), "FILE_EXISTS");
  });

  it("restores none that lies in another region than is allowed, and no older one in its place", async () => {
    const path = nextPath();
    await commitFile(subject(), path, { region: "eu-west-1" });
    await subject().files.delete("default", path, deletion());
    await commitFile(subject(), path);
    await subject().files.delete("default", path, deletion());
    const undelete = (allowedRegions: string[]) =>
      subject().files.undelete("default", path, { ...restoration(), allowedRegions });
    await expectRefusal(undelete(["eu-west-1"]), "RESIDENCY_VIOLATION");
    expect(await undelete(["eu-central-1"])).to.include({ generation: 2, region: "eu-central-1" });
  });

  it("restores one file when several are restored at the same time", async () => {
    const path = nextPath();
    for (let i = 0; i < 3; i++) {
      await commitFile(subject(), path);
      await subject().files.delete("default", path, deletion());
    }
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 3].map((generation) => subject().files.undelete("default", path, { ...restoration(), generation })),
    );
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).to.have.lengthOf(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).to.have.property("reason", "FILE_EXISTS");
    }
  });

  it("restores neither what was never deleted nor what was superseded or may be purged", async () => {
    const path = nextPath();
    await expectRefusal(subject().files.undelete("default", path, restoration()), "FILE_NOT_FOUND");
    await commitFile(subject(), path);
    await commitFile(subject(), path);
    await subject().files.delete("default", path, { ...deletion(), retentionMs: 0 });
    await expectRefusal(subject().files.undelete("default", path, restoration()), "FILE_NOT_FOUND");
    const named = { ...restoration(), generation: 1 };
    await expectRefusal(subject().files.undelete("default", path, named), "FILE_NOT_FOUND");
  });

  it("never gives a generation out again, whatever was deleted and restored", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    await subject().files.delete("default", path, deletion());
    await subject().files.undelete("default", path, restoration());
    await commitFile(subject(), path);
    await subject().files.delete("default", path, deletion());
    const next = await commitFile(subject(), path);
    expect(next.file?.generation).to.equal(3);
  });
}
