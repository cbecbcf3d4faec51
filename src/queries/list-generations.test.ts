import { expect } from "chai";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { type ListGenerationsRequest, listGenerations } from "./list-generations.ts";

const REQUEST: ListGenerationsRequest = { namespace: "default", path: "a", pageSize: 0, pageToken: "" };

describe("listGenerations", () => {
  const options = { caller: SAMPLE_CALLER };

  function generations(count: number, overrides = {}) {
    const all = Array.from({ length: count }, (_, index) => sampleFile({ generation: count - index, ...overrides }));
    const files: Pick<FileRepository, "listGenerations"> = {
      listGenerations: async (_namespace, _path, { limit, before = count + 1 }) => {
        const older = all.filter(({ generation }) => generation < before);
        return { files: older.slice(0, limit), hasMore: older.length > limit };
      },
    };
    return { files, namespaces: sampleNamespaces() };
  }

  async function listAll(deps: ReturnType<typeof generations>, pageSize: number): Promise<number[][]> {
    const pages: number[][] = [];
    for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
      const page = await listGenerations(deps, { ...REQUEST, pageSize, pageToken }, options);
      pages.push(page.files.map(({ generation }) => generation));
      pageToken = page.nextPageToken;
    }
    return pages;
  }

  it("gives every generation once, the newest first, page by page", async () => {
    expect(await listAll(generations(5), 2)).to.deep.equal([[5, 4], [3, 2], [1]]);
    expect(await listAll(generations(2), 2)).to.deep.equal([[2, 1]]);
  });

  it("ends a page early that would not fit one message", async () => {
    const pages = await listAll(generations(600, { metadata: { note: "x".repeat(8000) } }), 1000);
    expect(pages.flat()).to.deep.equal(Array.from({ length: 600 }, (_, index) => 600 - index));
    expect(pages.length).to.be.above(1);
  });

  it("refuses a token of another path", async () => {
    const { nextPageToken } = await listGenerations(generations(2), { ...REQUEST, pageSize: 1 }, options);
    const other = { ...REQUEST, path: "b", pageToken: nextPageToken };
    expect(await catchError(() => listGenerations(generations(2), other, options))).to.include({
      reason: "PAGE_TOKEN_INVALID",
      field: "page_token",
    });
  });

  for (const [what, change, reason] of [
    ["a path that has none", {}, "FILE_NOT_FOUND"],
    ["a path that is none", { path: "a//b" }, "PATH_INVALID"],
    ["a negative page size", { pageSize: -1 }, "ARGUMENT_INVALID"],
    ["a forged token", { pageToken: "W10" }, "PAGE_TOKEN_INVALID"],
    ["an unknown namespace", { namespace: "x" }, "NAMESPACE_NOT_FOUND"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await catchError(() => listGenerations(generations(0), { ...REQUEST, ...change }, options));
      expect(error).to.include({ reason });
    });
  }
});
