import { expect } from "chai";
import { type FileOrder, ORDER_FIELDS } from "../../../domain/files/file-order.ts";
import type { FilePage, FolderPage } from "../../../domain/files/file-repository.ts";
import {
  commitFile,
  nextIdentity,
  nextPath,
  RETENTION_MS,
  type RepositorySubject,
} from "../../rigs/database/repository-subject.ts";

const FILES = 40;
const LIMIT = 7;

/** The contract of every FileRepository about the pages of a listing while others change the files. */
export function filePagesContract(subject: () => RepositorySubject): void {
  const remove = (path: string) =>
    subject().files.delete("default", path, {
      identity: nextIdentity({ method: "DeleteFile" }),
      retentionMs: RETENTION_MS,
    });
  /** Paths of files that stay, in two namespaces; odd ones in folders of their own. */
  const commitAll = async () => {
    const folder = nextPath();
    const paths = Array.from({ length: FILES }, (_, i) => `${folder}/${i * 10 + 105}${i % 2 === 0 ? "" : "/x"}`);
    // In another order than that of the paths.
    for (const path of paths.toSorted((a, b) => a.slice(-3).localeCompare(b.slice(-3)))) {
      await commitFile(subject(), path);
      await commitFile(subject(), path, { namespace: "other" });
    }
    return { folder, paths };
  };
  /** Files come before, between and after the others, and go again; the `step`th time. */
  const disturb = async (folder: string, step: number) => {
    const paths = [100, 150 + step, 300 + step * 20, 999 - step].map((number) => `${folder}/${number}.${step}`);
    await Promise.all(paths.map((path) => commitFile(subject(), path)));
    await Promise.all(paths.slice(2).map(remove));
  };
  const isAscending = (values: readonly (number | string)[]) =>
    values.every((value, index) => index === 0 || (values[index - 1] as typeof value) <= value);

  for (const field of ORDER_FIELDS) {
    for (const isDescending of [false, true]) {
      it(`lists each file that stays once, by ${field}${isDescending ? " desc" : ""}, whatever comes and goes`, async () => {
        const order: FileOrder = { field, isDescending };
        const { folder, paths } = await commitAll();
        const found: FilePage["files"] = [];
        let step = 0;
        let after: FilePage["next"];
        do {
          const query = { prefix: `${folder}/`, limit: LIMIT, showDeleted: step % 2 === 1, order, after };
          const [page] = await Promise.all([subject().files.list("default", query), disturb(folder, step++)]);
          found.push(...page.files);
          after = page.next;
        } while (after !== undefined);
        expect(step).to.be.above(FILES / LIMIT);
        const stayed = found.filter(({ path }) => paths.includes(path));
        expect(stayed.map(({ path }) => path)).to.have.members(paths);
        expect(found.every(({ namespace }) => namespace === "default")).to.equal(true);
        // A deletion is a change, and so moves its file in this order alone.
        if (field !== "update_time") expect(new Set(found.map(({ fileId }) => fileId)).size).to.equal(found.length);
        const values = found.map(
          (file) =>
            ({
              path: file.path,
              size_bytes: file.sizeBytes,
              create_time: +file.createTime,
              update_time: +file.updateTime,
            })[field],
        );
        expect(isAscending(isDescending ? values.toReversed() : values)).to.equal(true);
      });
    }
  }

  it("lists each file and folder that stays once, whatever comes and goes", async () => {
    const { folder, paths } = await commitAll();
    const entries: string[] = [];
    let step = 0;
    let after: FolderPage["next"];
    do {
      const query = { prefix: `${folder}/`, limit: LIMIT, showDeleted: false, after };
      const [page] = await Promise.all([subject().files.listFolder("default", query), disturb(folder, step++)]);
      entries.push(...page.entries.map((entry) => (entry.kind === "file" ? entry.file.path : entry.path)));
      after = page.next;
    } while (after !== undefined);
    expect(new Set(entries).size).to.equal(entries.length);
    expect(entries).to.include.members(paths.map((path) => path.replace(/\/x$/, "/")));
    expect(isAscending(entries)).to.equal(true);
  });
}
