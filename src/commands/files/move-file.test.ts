import { expect } from "chai";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type MoveFileRequest, moveFile } from "./move-file.ts";

const REQUEST: MoveFileRequest = {
  requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
  namespace: "default",
  path: "a",
  targetPath: "b",
  etag: "",
};

describe("moveFile", () => {
  type Move = Parameters<FileRepository["move"]>;
  const moves: Move[] = [];
  const files: Pick<FileRepository, "move"> = {
    move: async (...move) => {
      moves.push(move);
      return sampleFile();
    },
  };
  const deps = { files, namespaces: sampleNamespaces({ retentionMs: 1234 }) };
  const move = (request: Partial<MoveFileRequest>) =>
    moveFile(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });

  beforeEach(() => moves.splice(0));

  it("moves with the conditions that are given, both paths in NFC", async () => {
    await move({ targetPath: "u\u0308ber" });
    await move({ etag: "e", ifGenerationMatch: 1, ifTargetGenerationMatch: 0 });
    const [[namespace, path, { identity, ...first }], [, , { identity: other, ...second }]] = moves as [Move, Move];
    expect([namespace, path]).to.deep.equal(["default", "a"]);
    expect(first).to.deep.equal({ targetPath: "über", etag: "", retentionMs: 1234 });
    const conditions = { etag: "e", ifGenerationMatch: 1, ifTargetGenerationMatch: 0 };
    expect(second).to.deep.equal({ targetPath: "b", retentionMs: 1234, ...conditions });
    expect(identity).to.include({ method: "MoveFile", requestId: REQUEST.requestId });
    expect(identity.contentSha256).to.not.deep.equal(other.contentSha256);
  });

  it("refuses what is no move", async () => {
    const refusals: [Partial<MoveFileRequest>, object][] = [
      [{ targetPath: "a" }, { code: "invalid_argument", field: "target_path" }],
      [
        { path: "u\u0308", targetPath: "ü" },
        { code: "invalid_argument", field: "target_path" },
      ],
      [{ targetPath: "" }, { reason: "PATH_INVALID", field: "target_path" }],
      [{ targetPath: "a/../b" }, { reason: "PATH_INVALID", field: "target_path" }],
      [{ targetPath: "b\r\nx-header: 1" }, { reason: "PATH_INVALID", field: "target_path" }],
      [{ path: "/a" }, { reason: "PATH_INVALID", field: "path" }],
      [{ namespace: "other" }, { reason: "NAMESPACE_NOT_FOUND" }],
      [{ ifGenerationMatch: 0 }, { code: "invalid_argument", field: "if_generation_match" }],
      [{ ifTargetGenerationMatch: -1 }, { code: "invalid_argument", field: "if_target_generation_match" }],
      [{ requestId: "" }, { reason: "REQUEST_ID_INVALID" }],
    ];
    for (const [request, refusal] of refusals) expect(await catchError(() => move(request))).to.include(refusal);
    expect(moves).to.deep.equal([]);
  });
});
