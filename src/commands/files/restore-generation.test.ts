import { expect } from "chai";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type RestoreGenerationRequest, restoreGeneration } from "./restore-generation.ts";

const REQUEST: RestoreGenerationRequest = {
  requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
  namespace: "default",
  path: "a",
  generation: 2,
};

describe("restoreGeneration", () => {
  type Restoration = Parameters<FileRepository["restoreGeneration"]>;
  const restorations: Restoration[] = [];
  const files: Pick<FileRepository, "restoreGeneration"> = {
    restoreGeneration: async (...restoration) => {
      restorations.push(restoration);
      return sampleFile();
    },
  };
  const deps = { files, namespaces: sampleNamespaces({ retentionMs: 1234 }), regions: new BucketRegions() };
  const restore = (request: Partial<RestoreGenerationRequest>) =>
    restoreGeneration(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });

  beforeEach(() => restorations.splice(0));

  it("restores under the caller's request id, on the condition that is given", async () => {
    await restore({});
    await restore({ ifGenerationMatch: 0 });
    const [[namespace, path, { identity, ...first }], [, , { identity: other, ...second }]] = restorations as [
      Restoration,
      Restoration,
    ];
    expect([namespace, path]).to.deep.equal(["default", "a"]);
    const asked = { generation: 2, retentionMs: 1234, allowedRegions: ["eu-central-1"] };
    expect(first).to.deep.equal(asked);
    expect(second).to.deep.equal({ ...asked, ifGenerationMatch: 0 });
    expect(identity).to.include({ method: "RestoreGeneration", requestId: REQUEST.requestId });
    expect(identity.contentSha256).to.not.deep.equal(other.contentSha256);
  });

  it("refuses what names no generation", async () => {
    const refusals: [Partial<RestoreGenerationRequest>, object][] = [
      [{ generation: 0 }, { code: "invalid_argument", field: "generation" }],
      [{ generation: -1 }, { code: "invalid_argument", field: "generation" }],
      [{ ifGenerationMatch: -1 }, { code: "invalid_argument", field: "if_generation_match" }],
      [{ path: "a//b" }, { reason: "PATH_INVALID" }],
      [{ namespace: "other" }, { reason: "NAMESPACE_NOT_FOUND" }],
      [{ requestId: "x" }, { reason: "REQUEST_ID_INVALID" }],
    ];
    for (const [request, refusal] of refusals) expect(await catchError(() => restore(request))).to.include(refusal);
    expect(restorations).to.deep.equal([]);
  });
});
