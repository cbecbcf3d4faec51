import { expect } from "chai";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { getFile } from "./get-file.ts";

describe("getFile", () => {
  const asked: unknown[] = [];
  const files: Pick<FileRepository, "get"> = {
    get: async (...question) => {
      asked.push(question);
      return sampleFile();
    },
  };
  const deps = { files, namespaces: sampleNamespaces() };
  const options = { caller: SAMPLE_CALLER, position: 7n };

  beforeEach(() => asked.splice(0));

  it("asks for the live file at the path, in NFC", async () => {
    const file = await getFile(deps, { namespace: "default", path: "u\u0308ber.pdf" }, options);
    expect(file).to.deep.equal(sampleFile());
    expect(asked).to.deep.equal([["default", "\u00fcber.pdf", { position: 7n }]]);
  });

  it("asks for exactly the generation that is named", async () => {
    await getFile(deps, { namespace: "default", path: "a", generation: 2 }, options);
    expect(asked).to.deep.equal([["default", "a", { generation: 2, position: 7n }]]);
  });

  for (const [what, request, reason] of [
    ["generation 0", { namespace: "default", path: "a", generation: 0 }, "ARGUMENT_INVALID"],
    ["a path with ..", { namespace: "default", path: "a/../b" }, "PATH_INVALID"],
    ["an unknown namespace", { namespace: "other", path: "a" }, "NAMESPACE_NOT_FOUND"],
    ["no namespace", { namespace: "", path: "a" }, "ARGUMENT_INVALID"],
  ] as const) {
    it(`refuses ${what} without asking the database`, async () => {
      expect(await catchError(() => getFile(deps, request, options))).to.include({ reason });
      expect(asked).to.deep.equal([]);
    });
  }
});
