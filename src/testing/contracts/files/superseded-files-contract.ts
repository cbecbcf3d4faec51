import { expect } from "chai";
import type { FilePage } from "../../../domain/files/file-repository.ts";
import { parseFileFilter } from "../../../domain/filter/file-filter.ts";
import { commitFile, nextIdentity, nextPath, type RepositorySubject } from "../../rigs/database/repository-subject.ts";

/** The contract of every FileRepository about superseded generations. */
export function supersededFilesContract(subject: () => RepositorySubject): void {
  /** By path and generation, in pages of `limit`. */
  const find = async (filter: string, { limit = 100, namespace = "default" } = {}) => {
    const found: string[] = [];
    let after: FilePage["next"];
    do {
      const page = await subject().files.listSuperseded(namespace, { filter: parseFileFilter(filter), limit, after });
      expect(page.files.length).to.equal(page.cursors.length).and.to.be.at.most(limit);
      found.push(...page.files.map(({ path, generation }) => `${path}#${generation}`));
      after = page.next;
    } while (after !== undefined);
    return found;
  };

  it("lists the generations that were superseded and can be restored, and no others, in pages of any size", async () => {
    const folder = nextPath();
    const [a, b] = [`${folder}/a_%`, `${folder}/b`];
    for (let count = 0; count < 4; count++) await commitFile(subject(), a, { labels: { n: String(count) } });
    for (let count = 0; count < 2; count++) await commitFile(subject(), b);
    await subject().files.delete("default", b, { identity: nextIdentity(), retentionMs: 1000 });
    const old = { generation: 2, identity: nextIdentity() };
    const { fileId } = await subject().files.beginPurge("default", a, old);
    expect(await find(`path = "${folder}/*"`), "while it is purged").to.deep.equal([`${a}#1`, `${a}#3`, `${b}#1`]);
    await subject().files.endPurges("default", [fileId]);
    for (const limit of [1, 2, 3, 100]) {
      expect(await find(`path = "${folder}/*"`, { limit })).to.deep.equal([`${a}#1`, `${a}#3`, `${b}#1`]);
    }
    expect(await find(`path = "${folder}/*" AND labels.n = 0`)).to.deep.equal([`${a}#1`]);
    expect(await find(`path > "${a}" AND path <= "${b}"`)).to.deep.equal([`${b}#1`]);
    expect(await find(`path = "${folder}/*" AND NOT supersede_time:*`)).to.deep.equal([]);
    expect(await find(`path = "${folder}/*" AND supersede_time < 2000-01-01`)).to.deep.equal([]);
    expect(await find("supersede_time:*", { namespace: "other" })).to.deep.equal([]);
    expect(await find("")).to.include.members([`${a}#1`, `${b}#1`]);
  });

  it("lists none past its purge time, unless something keeps it", async () => {
    const path = nextPath();
    await commitFile(subject(), path);
    await commitFile(subject(), path, {}, { retentionMs: 0 });
    expect(await find(`path = "${path}"`)).to.deep.equal([]);
    const change = { identity: nextIdentity(), generation: 1 };
    await subject().files.update("default", path, { ...change, change: (file) => ({ ...file, legalHold: true }) });
    expect(await find(`path = "${path}"`)).to.deep.equal([`${path}#1`]);
  });
}
