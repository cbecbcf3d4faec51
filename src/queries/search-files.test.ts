import { expect } from "chai";
import type { FileQuery, FileRepository } from "../domain/files/file-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { QUERY_MAX_BYTES, QUERY_WORDS_MAX, type SearchFilesRequest, searchFiles } from "./search-files.ts";

const REQUEST: SearchFilesRequest = {
  namespace: "default",
  filter: "",
  query: "",
  orderBy: "",
  pageSize: 0,
  pageToken: "",
  showDeleted: false,
};

describe("searchFiles", () => {
  const options = { caller: SAMPLE_CALLER };
  const asked: FileQuery[] = [];
  const next = { value: 43, fileId: sampleFile().fileId };
  const files: Pick<FileRepository, "list"> = {
    list: async (_namespace, query) => {
      asked.push(query);
      return { files: [sampleFile()], cursors: [next], next };
    },
  };
  const deps = { files, namespaces: sampleNamespaces() };

  beforeEach(() => asked.splice(0));

  it("asks for what matches both the filter and all words of the text", async () => {
    const request = {
      ...REQUEST,
      filter: "size_bytes > 5",
      query: "Annual REPORT, annual",
      orderBy: "size_bytes desc",
    };
    const page = await searchFiles(deps, { ...request, pageSize: 7 }, options);
    expect(page.files).to.deep.equal([sampleFile()]);
    const words = ["annual", "report"].map((text) => ({ text, isPrefix: false }));
    const size = { kind: "number", field: "size_bytes", comparison: ">", value: 5 };
    expect(asked).to.deep.equal([
      {
        prefix: "",
        filter: { kind: "and", of: [size, { kind: "words", words }] },
        order: { field: "size_bytes", isDescending: true },
        position: undefined,
        showDeleted: false,
        limit: 7,
        after: undefined,
      },
    ]);
    await searchFiles(deps, { ...request, pageToken: page.nextPageToken }, options);
    expect(asked[1]?.after).to.deep.equal(next);
    const others = { ...request, query: "annual", pageToken: page.nextPageToken };
    expect(await catchError(() => searchFiles(deps, others, options))).to.include({ reason: "PAGE_TOKEN_INVALID" });
  });

  it("asks for pages of fifty files unless another size is named", async () => {
    for (const pageSize of [0, 100]) await searchFiles(deps, { ...REQUEST, query: "report", pageSize }, options);
    expect(asked.map(({ limit }) => limit)).to.deep.equal([50, 100]);
  });

  it("finds words newest first, and anything else in the order of paths, unless another order is named", async () => {
    for (const [change, order] of [
      [{ query: "report" }, { field: "create_time", isDescending: true }],
      [
        { query: "report", filter: "size_bytes > 5", orderBy: " " },
        { field: "create_time", isDescending: true },
      ],
      [
        { query: "report", orderBy: "path" },
        { field: "path", isDescending: false },
      ],
      [{ filter: "report" }, { field: "path", isDescending: false }],
    ] as const) {
      await searchFiles(deps, { ...REQUEST, ...change }, options);
      expect(asked.splice(0)[0]?.order).to.deep.equal(order);
    }
  });

  for (const [what, change, reason, field] of [
    ["neither filter nor text", { query: " " }, "ARGUMENT_INVALID", "filter"],
    ["text without a word", { query: "%_'; --" }, "ARGUMENT_INVALID", "query"],
    [
      "too many words",
      { query: Array.from({ length: QUERY_WORDS_MAX + 1 }, (_, word) => word).join(" ") },
      "ARGUMENT_INVALID",
      "query",
    ],
    ["too long a text", { query: "a".repeat(QUERY_MAX_BYTES + 1) }, "ARGUMENT_INVALID", "query"],
    ["a lone surrogate", { query: "\ud800" }, "ARGUMENT_INVALID", "query"],
    ["a filter that is none", { filter: "(((" }, "FILTER_INVALID", "filter"],
    ["an order that is none", { query: "a", orderBy: "path up" }, "ORDER_INVALID", "order_by"],
    ["a negative page size", { query: "a", pageSize: -1 }, "ARGUMENT_INVALID", "page_size"],
    ["a forged page token", { query: "a", pageToken: "eyJhIjoxfQ" }, "PAGE_TOKEN_INVALID", "page_token"],
    ["an unknown namespace", { query: "a", namespace: "x" }, "NAMESPACE_NOT_FOUND", "namespace"],
  ] as const) {
    it(`refuses ${what} without asking the database`, async () => {
      const error = await catchError(() => searchFiles(deps, { ...REQUEST, ...change }, options));
      expect(error).to.include({ reason, field });
      expect(asked).to.deep.equal([]);
    });
  }
});
