import { expect } from "chai";
import { isInScope, NO_PATH, type PathScope, toPathScope, WHOLE_NAMESPACE } from "../domain/access/path-scope.ts";
import type { FileCursor, FileOrder } from "../domain/files/file-order.ts";
import { toFolder } from "../domain/files/folder-entry.ts";
import { parseFileFilter } from "../domain/filter/file-filter.ts";
import { FakeFileRepository } from "../testing/fakes/fake-file-repository.ts";
import { sampleFile } from "../testing/samples/sample-records.ts";
import { createSeededRandom } from "../testing/samples/seeded-random.ts";
import { type FileLists, withinScope } from "./within-scope.ts";

const SEED = 17;
const ROUNDS = 300;
const FOLDERS = ["a/", "a/b/", "a/c/d/", "ab/", "b/", "c/c/", "\uffee/", "\u{1f600}/"];
const ORDERS: FileOrder[] = [
  { field: "path", isDescending: false },
  { field: "path", isDescending: true },
  { field: "size_bytes", isDescending: false },
  { field: "create_time", isDescending: true },
];

/** Pages that are read at most: a list that never ends fails. */
const PAGES_MAX = 300;

async function readAll(
  read: (after: FileCursor | undefined) => Promise<{ names: string[]; next: FileCursor | undefined }>,
): Promise<string[]> {
  const all: string[] = [];
  let after: FileCursor | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { names, next } = await read(after);
    all.push(...names);
    if (next === undefined) return all;
    after = next;
  }
  throw new Error(`the list did not end within ${PAGES_MAX} pages`);
}

describe("withinScope", () => {
  let now = 1_700_000_000_000;
  const files = new FakeFileRepository({ now: () => now++ });
  for (const [index, folder] of FOLDERS.entries()) {
    for (let each = 0; each < 5; each++) {
      const number = index * 5 + each;
      const path = `${folder}${each === 4 ? "deep/" : ""}f${each}`;
      files.add(sampleFile({ fileId: `file-${number}`, path, s3Key: `key-${number}`, sizeBytes: (number * 7) % 11 }), {
        retentionMs: 1000,
      });
    }
  }

  const list = (lists: FileLists, query: { prefix: string; order: FileOrder; limit: number; filter?: string }) =>
    readAll(async (after) => {
      const filter = parseFileFilter(query.filter ?? "");
      const page = await lists.list("default", { ...query, filter, showDeleted: false, after });
      expect(page.files.length).to.be.at.most(query.limit);
      expect(page.cursors.length).to.equal(page.files.length);
      return { names: page.files.map(({ path }) => path), next: page.next };
    });

  const listFolder = (lists: FileLists, query: { prefix: string; limit: number }) =>
    readAll(async (after) => {
      const page = await lists.listFolder("default", { ...query, showDeleted: false, after });
      expect(page.entries.length).to.be.at.most(query.limit);
      const names = page.entries.map((entry) => (entry.kind === "file" ? entry.file.path : entry.path));
      return { names, next: page.next };
    });

  it(`lists what the scope has of the whole list, in ${ROUNDS} rounds of seed ${SEED}`, async () => {
    const random = createSeededRandom(SEED);
    const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
    for (let round = 0; round < ROUNDS; round++) {
      const prefixes = Array.from({ length: Math.floor(random() * 5) }, () => pick([...FOLDERS, "a/none/", "zzz/"]));
      const scope = toPathScope(prefixes);
      const [prefix, limit] = [pick(["", "a", "a/", "a/b/", "b/", "c/", "x"]), 1 + Math.floor(random() * 6)];
      const query = { prefix, limit, order: pick(ORDERS), filter: pick(["", "size_bytes > 4"]) };
      const whole = await list(files, query);
      const expected = whole.filter((path) => isInScope(scope, path));
      expect(await list(withinScope(files, scope), query), JSON.stringify({ scope, query })).to.deep.equal(expected);
      const folders = await listFolder(withinScope(files, scope), query);
      expect(folders, JSON.stringify({ folders: true, scope, query })).to.deep.equal(await toFolderList(scope, prefix));
    }
  });

  async function toFolderList(scope: PathScope, prefix: string): Promise<string[]> {
    const paths = await list(files, { prefix, order: ORDERS[0] as FileOrder, limit: 1000 });
    const entries = paths.filter((path) => isInScope(scope, path)).map((path) => toFolder(path, prefix) ?? path);
    return [...new Set(entries)];
  }

  it("reads no more than sixteen ranges for a page, and goes on in the next", async () => {
    const scope = toPathScope([...Array.from({ length: 40 }, (_, index) => `empty${index}/`), "zz/", "a/"]);
    const counted = { calls: 0 };
    const counting: FileLists = {
      list: (...args) => {
        counted.calls++;
        return files.list(...args);
      },
      listFolder: (...args) => files.listFolder(...args),
      listSuperseded: (...args) => files.listSuperseded(...args),
    };
    const page = await withinScope(counting, scope).list("default", { prefix: "", limit: 1000, showDeleted: false });
    expect(counted.calls).to.equal(16);
    expect(page.next).to.not.equal(undefined);
    const all = await list(withinScope(files, scope), { prefix: "", order: ORDERS[1] as FileOrder, limit: 3 });
    expect(all.every((path) => path.startsWith("a/"))).to.equal(true);
    expect(all.length).to.equal(15);
  });

  it("shows nothing without a scope, and everything with all", async () => {
    const query = { prefix: "", order: ORDERS[0] as FileOrder, limit: 7 };
    expect(await list(withinScope(files, NO_PATH), query)).to.deep.equal([]);
    expect(await listFolder(withinScope(files, NO_PATH), query)).to.deep.equal([]);
    const superseded = { filter: undefined, limit: 7 };
    expect((await withinScope(files, NO_PATH).listSuperseded("default", superseded)).files).to.deep.equal([]);
    expect((await list(withinScope(files, WHOLE_NAMESPACE), query)).length).to.equal(40);
  });
});
