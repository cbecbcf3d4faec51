import { expect } from "chai";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type UndeleteFileRequest, undeleteFile } from "./undelete-file.ts";

const REQUEST: UndeleteFileRequest = {
  requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
  namespace: "default",
  path: "reports/a.pdf",
  etag: "",
};

describe("undeleteFile", () => {
  type Restoration = Parameters<FileRepository["undelete"]>;
  const restorations: Restoration[] = [];
  const deps = {
    files: {
      undelete: async (...restoration: Restoration) => {
        restorations.push(restoration);
        return sampleFile();
      },
    },
    namespaces: sampleNamespaces(),
    regions: new BucketRegions(),
  };
  const call = (request: Partial<UndeleteFileRequest>) =>
    undeleteFile(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });

  beforeEach(() => restorations.splice(0));

  it("restores the generation deleted last, or the one that is named", async () => {
    expect(await call({})).to.deep.equal(sampleFile());
    await call({ generation: 2 });
    const [[namespace, path, first], [, , second]] = restorations as [Restoration, Restoration];
    expect([namespace, path]).to.deep.equal(["default", "reports/a.pdf"]);
    expect(first).to.not.have.property("generation");
    expect(first.allowedRegions).to.deep.equal(["eu-central-1"]);
    expect(second.generation).to.equal(2);
    await call({ etag: "some.3" });
    expect(restorations.map(([, , { etag }]) => etag)).to.deep.equal(["", "", "some.3"]);
    expect(first.identity).to.include({ method: "UndeleteFile", requestId: REQUEST.requestId });
    expect(first.identity.contentSha256).to.not.deep.equal(second.identity.contentSha256);
  });

  for (const [what, request, reason] of [
    ["a request id that is no UUID", { requestId: "1" }, "REQUEST_ID_INVALID"],
    ["a negative generation", { generation: -1 }, "ARGUMENT_INVALID"],
    ["a path that begins with /", { path: "/a" }, "PATH_INVALID"],
    ["an unknown namespace", { namespace: "b" }, "NAMESPACE_NOT_FOUND"],
  ] as const) {
    it(`refuses ${what} and restores nothing`, async () => {
      expect(await catchError(() => call(request))).to.include({ reason });
      expect(restorations).to.deep.equal([]);
    });
  }
});
