import { expect } from "chai";
import type { File } from "../domain/files/file.ts";
import { toPathCursor } from "../domain/files/file-order.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { type FolderEntry, toEntryCursor } from "../domain/files/folder-entry.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { PAGE_BYTES_MAX } from "./file-page.ts";
import { type ListFilesRequest, listFiles } from "./list-files.ts";

const REQUEST: ListFilesRequest = {
  namespace: "default",
  prefix: "",
  delimiter: "",
  filter: "",
  orderBy: "",
  pageSize: 0,
  pageToken: "",
  showDeleted: false,
};

describe("listFiles", () => {
  const options = { caller: SAMPLE_CALLER };

  /** Pages over files in memory, as the port promises; notes the limits that it is asked for. */
  function listing(files: File[]) {
    const limits: number[] = [];
    const repository: Pick<FileRepository, "list" | "listFolder"> = {
      listFolder: async (_namespace, { prefix, limit, after }) => {
        const from = after !== undefined && "path" in after ? after.path : "";
        const entries: FolderEntry[] = files.map((file, index) =>
          index % 2 === 0 ? { kind: "file", file } : { kind: "folder", path: `${prefix}${file.path}/` },
        );
        const rest = entries.filter((entry) => (entry.kind === "file" ? entry.file.path : entry.path) > from);
        const page = rest.slice(0, limit);
        const last = page.at(-1);
        return { entries: page, next: rest.length > limit && last ? toEntryCursor(last) : undefined };
      },
      list: async (_namespace, { prefix, limit, after }) => {
        limits.push(limit);
        const from = after !== undefined && "path" in after ? after.path : "";
        const rest = files.filter((file) => file.path.startsWith(prefix) && file.path > from);
        const page = rest.slice(0, limit);
        const cursors = page.map(toPathCursor);
        return { files: page, cursors, next: rest.length > limit ? cursors.at(-1) : undefined };
      },
    };
    return { deps: { files: repository, namespaces: sampleNamespaces() }, limits };
  }

  const named = (...paths: string[]) => paths.map((path) => sampleFile({ path }));

  async function listAll(deps: Parameters<typeof listFiles>[0], request: ListFilesRequest): Promise<string[][]> {
    const pages: string[][] = [];
    for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
      const page = await listFiles(deps, { ...request, pageToken }, options);
      pages.push(page.files.map((file) => file.path));
      pageToken = page.nextPageToken;
    }
    return pages;
  }

  it("gives every file once, page by page", async () => {
    const { deps } = listing(named("a/1", "a/2", "a/3", "b/4", "a/5"));
    expect(await listAll(deps, { ...REQUEST, pageSize: 2, prefix: "a/" })).to.deep.equal([
      ["a/1", "a/2"],
      ["a/3", "a/5"],
    ]);
  });

  it("gives an empty page without a token when there is nothing", async () => {
    const { deps } = listing([]);
    expect(await listFiles(deps, REQUEST, options)).to.deep.equal({ files: [], folders: [], nextPageToken: "" });
  });

  it("takes 100 for page size 0 and 1,000 for more", async () => {
    const { deps, limits } = listing([]);
    for (const pageSize of [0, 1, 1000, 1001, 2 ** 31 - 1]) await listFiles(deps, { ...REQUEST, pageSize }, options);
    expect(limits).to.deep.equal([100, 1, 1000, 1000, 1000]);
  });

  it("ends a page early that would not fit one message, and goes on from there", async () => {
    const metadata = { note: "x".repeat(8000) };
    const paths = Array.from({ length: 600 }, (_, index) => `f${String(index).padStart(4, "0")}`);
    const { deps } = listing(paths.map((path) => sampleFile({ path, metadata })));
    const pages = await listAll(deps, { ...REQUEST, pageSize: 1000 });
    expect(pages.flat()).to.deep.equal(paths);
    expect(pages.length).to.equal(Math.ceil((600 * 8500) / PAGE_BYTES_MAX));
  });

  describe("with a delimiter", () => {
    const folder = { ...REQUEST, delimiter: "/" };

    it("gives files and folders page by page, counted alike", async () => {
      const { deps } = listing(named("a", "b", "c"));
      const first = await listFiles(deps, { ...folder, pageSize: 2 }, options);
      expect(first).to.deep.include({ files: named("a"), folders: ["b/"] });
      const second = await listFiles(deps, { ...folder, pageToken: first.nextPageToken }, options);
      expect(second).to.deep.equal({ files: named("c"), folders: [], nextPageToken: "" });
      const other = { ...REQUEST, pageToken: first.nextPageToken };
      expect(await catchError(() => listFiles(deps, other, options))).to.include({ reason: "PAGE_TOKEN_INVALID" });
    });

    it("ends a page early that would not fit one message", async () => {
      const metadata = { note: "x".repeat(8000) };
      const paths = Array.from({ length: 900 }, (_, index) => `f${String(index).padStart(4, "0")}`);
      const { deps } = listing(paths.map((path) => sampleFile({ path, metadata })));
      const first = await listFiles(deps, { ...folder, pageSize: 1000 }, options);
      expect(first.files.length).to.be.within(200, PAGE_BYTES_MAX / 8000);
      const second = await listFiles(deps, { ...folder, pageSize: 1000, pageToken: first.nextPageToken }, options);
      expect([...first.files, ...second.files].map((file) => file.path)).to.deep.equal(
        paths.filter((_, i) => i % 2 === 0),
      );
    });

    for (const [what, change] of [
      ["another delimiter", { delimiter: "//" }],
      ["a filter", { filter: "a" }],
      ["another order", { orderBy: "path desc" }],
    ] as const) {
      it(`is refused with ${what}`, async () => {
        const error = await catchError(() => listFiles(listing([]).deps, { ...folder, ...change }, options));
        expect(error).to.include({ code: "invalid_argument", reason: "ARGUMENT_INVALID", field: "delimiter" });
      });
    }
  });

  describe("a page token", () => {
    const { deps } = listing(named("a", "b", "c"));
    let pageToken = "";
    before(async () => {
      pageToken = (await listFiles(deps, { ...REQUEST, pageSize: 1 }, options)).nextPageToken;
    });

    it("may come with another page size", async () => {
      const page = await listFiles(deps, { ...REQUEST, pageToken, pageSize: 5 }, options);
      expect(page.files.map((file) => file.path)).to.deep.equal(["b", "c"]);
    });

    for (const [what, change] of [
      ["another prefix", { prefix: "a" }],
      ["other deleted files", { showDeleted: true }],
      ["another filter", { filter: "size_bytes > 1" }],
      ["another order", { orderBy: "path desc" }],
      ["an order that has other cursors", { orderBy: "size_bytes" }],
    ] as const) {
      it(`is refused with ${what}`, async () => {
        const error = await catchError(() => listFiles(deps, { ...REQUEST, ...change, pageToken }, options));
        expect(error).to.include({ reason: "PAGE_TOKEN_INVALID", field: "page_token" });
        expect(error)
          .to.have.property("message")
          .that.match(/other parameters|not one of ours/);
      });
    }

    it("is refused when it is none of ours", async () => {
      for (const pageToken of ["!", "abc", Buffer.from("{}").toString("base64url"), "A".repeat(20_000)]) {
        const error = await catchError(() => listFiles(deps, { ...REQUEST, pageToken }, options));
        expect(error).to.include({ code: "invalid_argument", reason: "PAGE_TOKEN_INVALID" });
      }
    });
  });

  for (const [what, change, reason, field] of [
    ["a negative page size", { pageSize: -1 }, "ARGUMENT_INVALID", "page_size"],
    ["a prefix of 1,025 bytes", { prefix: "a".repeat(1025) }, "PATH_INVALID", "prefix"],
    ["a lone surrogate in the prefix", { prefix: "\ud800" }, "PATH_INVALID", "prefix"],
    ["a filter that is none", { filter: "size_bytes >" }, "FILTER_INVALID", "filter"],
    ["an order that is none", { orderBy: "colour" }, "ORDER_INVALID", "order_by"],
    ["a NUL in the prefix", { prefix: "a\u0000" }, "PATH_INVALID", "prefix"],
    ["an unknown namespace", { namespace: "x" }, "NAMESPACE_NOT_FOUND", "namespace"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await catchError(() => listFiles(listing([]).deps, { ...REQUEST, ...change }, options));
      expect(error).to.include({ reason, field });
    });
  }
});
