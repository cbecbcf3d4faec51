import { expect } from "chai";
import type { File } from "../../../domain/files/file.ts";
import { type FileCursor, type FileOrder, ORDER_FIELDS } from "../../../domain/files/file-order.ts";
import { parseFileFilter } from "../../../domain/filter/file-filter.ts";
import { matchFilter } from "../../fakes/match-filter.ts";
import {
  commitFile,
  createOpen,
  nextIdentity,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
} from "../../rigs/database/repository-subject.ts";
import { createRandomFilters } from "../../samples/random-filters.ts";

const RANDOM_FILTERS = 300;

/** The contract of every FileRepository about filters and orders; `make` is called once. */
export function fileFilterContract(make: () => Promise<RepositorySubject>): void {
  let subject: RepositorySubject;
  let all: File[];
  before(async () => {
    subject = await make();
    all = await commitVariety(subject);
  });
  after(() => subject.close());

  async function find(
    filter: string,
    options: Partial<{ limit: number; order: FileOrder; showDeleted: boolean }> = {},
  ) {
    const found: File[] = [];
    const { limit = 1000, showDeleted = true, ...rest } = options;
    let after: FileCursor | undefined;
    do {
      const query = { prefix: "", filter: parseFileFilter(filter), ...rest, limit, after, showDeleted };
      const page = await subject.files.list("default", query);
      expect(page.files.length).to.be.at.most(limit);
      expect(page.cursors.length).to.equal(page.files.length);
      found.push(...page.files);
      after = page.next;
    } while (after !== undefined);
    return found;
  }
  const pathsOf = (files: readonly File[]) => files.map(({ path }) => path);

  it("finds exactly what matches, for every filter", async () => {
    const filters = createRandomFilters(7, all);
    for (let i = 0; i < RANDOM_FILTERS; i++) {
      const text = filters.next();
      const filter = parseFileFilter(text);
      const showDeleted = i % 2 === 0;
      const shown = all.filter((file) => showDeleted || file.deleteTime === undefined);
      const expected = shown.filter((file) => filter === undefined || matchFilter(file, filter));
      const order = { field: ORDER_FIELDS[i % 4] ?? "path", isDescending: i % 3 === 0 };
      const found = await find(text, { order, showDeleted, limit: i % 5 === 0 ? 3 : 1000 });
      expect(pathsOf(found).toSorted(), text).to.deep.equal(pathsOf(expected).toSorted());
    }
  });

  for (const field of ORDER_FIELDS) {
    it(`orders by ${field}, both ways, one page or many`, async () => {
      const sortedBy = (file: File) =>
        ({ path: file.path, size_bytes: file.sizeBytes, create_time: +file.createTime, update_time: +file.updateTime })[
          field
        ];
      const ascending = await find("", { order: { field, isDescending: false } });
      expect(ascending).to.have.length(all.length);
      for (const [index, file] of ascending.slice(1).entries()) {
        const former = ascending[index];
        if (field !== "path") expect(sortedBy(file)).to.be.at.least(former ? (sortedBy(former) as number) : Number.NaN);
        else expect(Buffer.compare(Buffer.from(file.path), Buffer.from(former?.path ?? ""))).to.equal(1);
      }
      const descending = await find("", { order: { field, isDescending: true }, limit: 2 });
      expect(pathsOf(descending)).to.deep.equal(pathsOf(ascending).toReversed());
    });
  }

  it("finds files by their labels as they are now, until these are superseded", async () => {
    const path = "labels/changing";
    const { file } = await commitFile(subject, path, { labels: { state: "new", kind: "x" } });
    const update = (labels: Record<string, string>) =>
      subject.files.update("default", path, { identity: nextIdentity(), change: (found) => ({ ...found, labels }) });
    expect(pathsOf(await find("labels.state = new"))).to.deep.equal([path]);
    await update({ state: "old" });
    expect(await find("labels.state = new OR labels:kind")).to.deep.equal([]);
    expect(pathsOf(await find("labels.state = old", { showDeleted: false }))).to.deep.equal([path]);
    await commitFile(subject, path, { labels: { state: "old" } });
    const [found, ...more] = await find("labels.state = old");
    expect([found?.generation, more]).to.deep.equal([2, []]);
    await subject.files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    expect(await find("labels.state = old", { showDeleted: false })).to.deep.equal([]);
    expect(pathsOf(await find("labels.state = old"))).to.deep.equal([path]);
    await subject.files.undelete("default", path, { identity: nextIdentity() });
    expect(pathsOf(await find("labels.state = old", { showDeleted: false }))).to.deep.equal([path]);
    expect(file?.generation).to.equal(1);
  });

  it("finds files by what keeps them, by every operator", async () => {
    const until = new Date("2040-05-06T07:08:09.010Z");
    const commit = async (path: string, kept: { legalHold: boolean; retainUntilTime: Date | undefined }) => {
      await commitFile(subject, path);
      const change = (found: File) => ({ ...found, ...kept });
      await subject.files.update("default", path, { identity: nextIdentity(), change });
    };
    await commit("kept/free", { legalHold: false, retainUntilTime: undefined });
    await commit("kept/held", { legalHold: true, retainUntilTime: undefined });
    await commit("kept/until", { legalHold: false, retainUntilTime: until });
    await commit("kept/until-later", { legalHold: true, retainUntilTime: new Date(until.getTime() + 1) });
    for (const [filter, ...expected] of [
      ["legal_hold = true", "held", "until-later"],
      ["legal_hold != true", "free", "until"],
      ["NOT legal_hold = false", "held", "until-later"],
      ["legal_hold:*", "held", "until-later"],
      ["legal_hold = true AND legal_hold_in_storage = false", "held", "until-later"],
      ["retain_until_time:*", "until", "until-later"],
      ["retain_until_time = 2040-05-06T07:08:09.010Z", "until"],
      ["retain_until_time != 2040-05-06T07:08:09.010Z", "free", "held", "until-later"],
      ["retain_until_time < 2040-05-06T07:08:09.011Z", "until"],
      ["retain_until_time <= 2040-05-06T07:08:09.011Z", "until", "until-later"],
      ["retain_until_time > 2040-05-06T07:08:09.010Z", "until-later"],
      ["retain_until_time >= 2040-05-06T07:08:09.010Z", "until", "until-later"],
      ["NOT retain_until_time > 2040-05-06T07:08:09.010Z", "free", "held", "until"],
      ["legal_hold = true AND retain_until_time:*", "until-later"],
      ["purged = false", "free", "held", "until", "until-later"],
      ["purged = true"],
    ] as const) {
      const found = await find(`path = "kept/*" AND (${filter})`);
      expect(pathsOf(found), filter).to.deep.equal(expected.map((name) => `kept/${name}`));
    }
  });

  it("takes what looks like SQL, a pattern or a regular expression for text", async () => {
    for (const hostile of [
      "'; DROP TABLE file; --",
      "%",
      "_",
      "\\",
      ".*",
      "$1",
      "' OR '1'='1",
      "\u05e9\u05dc\u05d5\u05dd",
    ]) {
      const value = JSON.stringify(hostile.replaceAll("*", "\\*"));
      expect(await find(`path = ${JSON.stringify(hostile)} AND labels.${value} = "a"`), hostile).to.deep.equal([]);
      expect(await find(`metadata.${value}:${value}`), hostile).to.deep.equal([]);
    }
    expect(await find("size_bytes >= 0")).to.have.length.above(10);
  });
}

/** Files that differ in everything that filters look at: two of them are deleted, some held or retained. */
async function commitVariety(subject: RepositorySubject): Promise<File[]> {
  const files: File[] = [];
  const paths = [
    "Über/Größe-v2.PDF",
    "a%b_c",
    "a.b.c",
    "reports/2026/invoice-0042.pdf",
    "reports/2026/invoice-0043.pdf",
  ];
  const more = [
    "reports/x",
    "z\\'\"",
    "\u{1f600}/smile",
    "\u05e2\u05d1\u05e8\u05d9\u05ea/x",
    "中文/日本",
    "*star*",
    "img/cat.png",
  ];
  for (const [index, path] of [...paths, ...more].entries()) {
    const upload = await createOpen(subject, {
      path,
      contentType: ["application/pdf", "image/png", "text/plain"][index % 3] ?? "",
      labels: index % 4 === 0 ? {} : { team: `t${index % 3}`, env: index % 2 === 0 ? "prod" : "a%b" },
      metadata: index % 3 === 0 ? {} : { author: `Anna O'Neil ${index}`, "Any Key": "invoice Größe" },
      dataSubject: index % 5 === 0 ? "" : `s-${index % 2}`,
    });
    const sha256 = index % 2 === 0 ? undefined : Buffer.alloc(32, index);
    const object = sampleObject(upload, { sizeBytes: (index * 7) % 5, crc32: index, sha256 });
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, object };
    const { file } = (await subject.uploads.commits.commit(upload.uploadId, commit)).upload;
    if (file === undefined) throw new Error("nothing was committed");
    const change = { identity: nextIdentity(), retentionMs: RETENTION_MS };
    files.push(
      index % 6 === 5 ? await subject.files.delete("default", path, change) : await keep(subject, file, index),
    );
  }
  return files;
}

/** Leaves every other file as it was; the rest get a hold, a retention, or both. */
async function keep(subject: RepositorySubject, file: File, index: number): Promise<File> {
  if (index % 2 === 0) return file;
  const retainUntilTime = index % 3 === 0 ? undefined : new Date(Date.UTC(2120 + index, 0, 1, 0, 0, 0, index));
  const change = (found: File) => ({ ...found, legalHold: index % 4 === 3, retainUntilTime });
  return await subject.files.update("default", file.path, { identity: nextIdentity(), change });
}
