import { expect } from "chai";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type DeleteFileRequest, deleteFile } from "./delete-file.ts";

const REQUEST: DeleteFileRequest = {
  requestId: "0190A3B4-5C6D-7E8F-9A0B-1C2D3E4F5A6B",
  namespace: "default",
  path: "reports/a.pdf",
  etag: "",
};

describe("deleteFile", () => {
  type Deletion = Parameters<FileRepository["delete"]>;
  const deletions: Deletion[] = [];
  const deps = {
    files: {
      delete: async (...deletion: Deletion) => {
        deletions.push(deletion);
        return sampleFile({ deleteTime: new Date(0) });
      },
    },
    namespaces: sampleNamespaces({ retentionMs: 1234 }),
  };
  const call = (request: Partial<DeleteFileRequest>) =>
    deleteFile(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });

  beforeEach(() => deletions.splice(0));

  it("deletes the file for the namespace's retention, under the caller's request id", async () => {
    const file = await call({});
    expect(file.deleteTime).to.deep.equal(new Date(0));
    const [[namespace, path, options]] = deletions as [Deletion];
    expect([namespace, path, options.retentionMs]).to.deep.equal(["default", "reports/a.pdf", 1234]);
    expect(options).to.not.have.property("ifGenerationMatch");
    expect(options.identity).to.include({
      principal: SAMPLE_CALLER.principal,
      method: "DeleteFile",
      requestId: REQUEST.requestId.toLowerCase(),
    });
  });

  it("means something else with another path or precondition, and the same with an equal spelling", async () => {
    await call({ path: "\u00fc" });
    await call({ path: "u\u0308" });
    await call({ path: "b" });
    await call({ path: "b", ifGenerationMatch: 2 });
    await call({ path: "b", etag: "some.2" });
    const hashes = deletions.map(([, , { identity }]) => Buffer.from(identity.contentSha256).toString("hex"));
    expect(hashes[0]).to.equal(hashes[1]);
    expect(new Set(hashes).size).to.equal(4);
    expect(deletions[3]?.[2].ifGenerationMatch).to.equal(2);
    expect(deletions.map(([, , { etag }]) => etag)).to.deep.equal(["", "", "", "", "some.2"]);
  });

  for (const [what, request, reason] of [
    ["no request id", { requestId: "" }, "REQUEST_ID_INVALID"],
    ["generation 0", { ifGenerationMatch: 0 }, "ARGUMENT_INVALID"],
    ["an empty path", { path: "" }, "PATH_INVALID"],
    ["an unknown namespace", { namespace: "b" }, "NAMESPACE_NOT_FOUND"],
  ] as const) {
    it(`refuses ${what} and deletes nothing`, async () => {
      expect(await catchError(() => call(request))).to.include({ reason });
      expect(deletions).to.deep.equal([]);
    });
  }
});
