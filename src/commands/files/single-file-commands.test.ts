import { expect } from "chai";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { deleteFile } from "./delete-file.ts";
import { moveFile } from "./move-file.ts";
import { restoreGeneration } from "./restore-generation.ts";
import { undeleteFile } from "./undelete-file.ts";

const REQUEST_ID = "0190A3B4-5C6D-7E8F-9A0B-1C2D3E4F5A6B";
const REQUEST = { requestId: REQUEST_ID, namespace: "default", path: "a", etag: "" };
type Method = "delete" | "undelete" | "move" | "restoreGeneration";

describe("the commands that hand one file to the repository", () => {
  /** What the repository was asked, and with which options beside the identity. */
  const asked: { namespace: string; path: string; identity: CommandIdentity; options: object }[] = [];
  const note = async (namespace: string, path: string, { identity, ...options }: { identity: CommandIdentity }) => {
    asked.push({ namespace, path, identity, options });
    return sampleFile();
  };
  const files: Pick<FileRepository, Method> = { delete: note, undelete: note, move: note, restoreGeneration: note };
  const deps = { files, namespaces: sampleNamespaces({ retentionMs: 1234 }), regions: new BucketRegions() };
  const caller = { caller: SAMPLE_CALLER };
  const commands: Record<Method, (request: object) => Promise<File>> = {
    delete: (request) => deleteFile(deps, { ...REQUEST, ...request }, caller),
    undelete: (request) => undeleteFile(deps, { ...REQUEST, ...request }, caller),
    move: (request) => moveFile(deps, { ...REQUEST, targetPath: "b", ...request }, caller),
    restoreGeneration: (request) => restoreGeneration(deps, { ...REQUEST, generation: 2, ...request }, caller),
  };
  beforeEach(() => asked.splice(0));

  const given = { etag: "e", ifGenerationMatch: 1, ifTargetGenerationMatch: 0 };
  const allowedRegions = ["eu-central-1"];
  const [kept, restored] = [{ retentionMs: 1234 }, { generation: 2, retentionMs: 1234, allowedRegions }];
  const handed: [Method, name: string, request: object, options: object][] = [
    ["delete", "DeleteFile", {}, { ...kept, etag: "" }],
    ["delete", "DeleteFile", { ifGenerationMatch: 2 }, { ...kept, etag: "", ifGenerationMatch: 2 }],
    ["delete", "DeleteFile", { etag: "some.2" }, { ...kept, etag: "some.2" }],
    ["undelete", "UndeleteFile", {}, { etag: "", allowedRegions }],
    ["undelete", "UndeleteFile", { generation: 2, etag: "some.3" }, { generation: 2, etag: "some.3", allowedRegions }],
    ["move", "MoveFile", { targetPath: "u\u0308ber" }, { ...kept, targetPath: "über", etag: "" }],
    ["move", "MoveFile", given, { ...kept, ...given, targetPath: "b" }],
    ["restoreGeneration", "RestoreGeneration", {}, restored],
    ["restoreGeneration", "RestoreGeneration", { ifGenerationMatch: 0 }, { ...restored, ifGenerationMatch: 0 }],
  ];
  for (const [method, name, request, options] of handed) {
    it(`${method} hands on ${JSON.stringify(request)}, under the caller's request id`, async () => {
      expect(await commands[method](request)).to.deep.equal(sampleFile());
      expect(asked).to.have.length(1);
      expect(asked[0]).to.deep.include({ namespace: "default", path: "a", options });
      const { principal } = SAMPLE_CALLER;
      expect(asked[0]?.identity).to.include({ principal, method: name, requestId: REQUEST_ID.toLowerCase() });
    });
  }

  it("mean something else with another path or condition, and the same with an equal spelling", async () => {
    const others: Record<Method, object[]> = {
      delete: [{ path: "b" }, { ifGenerationMatch: 2 }, { etag: "e" }],
      undelete: [{ path: "b" }, { generation: 2 }, { etag: "e" }],
      move: [
        { path: "c" },
        { targetPath: "c" },
        { ifGenerationMatch: 1 },
        { ifTargetGenerationMatch: 0 },
        { etag: "e" },
      ],
      restoreGeneration: [{ path: "b" }, { generation: 1 }, { ifGenerationMatch: 0 }],
    };
    for (const [method, requests] of Object.entries(others)) {
      asked.splice(0);
      const command = commands[method as Method];
      for (const request of [{ path: "\u00fc" }, { path: "u\u0308" }, {}, ...requests]) await command(request);
      const hashes = asked.map(({ identity }) => Buffer.from(identity.contentSha256).toString("hex"));
      expect(hashes[0], method).to.equal(hashes[1]);
      expect(new Set(hashes).size, method).to.equal(requests.length + 2);
    }
  });

  const refused: [Method, request: object, refusal: object][] = [
    ...(Object.keys(commands) as Method[]).flatMap((method): [Method, object, object][] => [
      [method, { requestId: "1" }, { reason: "REQUEST_ID_INVALID" }],
      [method, { path: "/a" }, { reason: "PATH_INVALID", field: "path" }],
      [method, { namespace: "b" }, { reason: "NAMESPACE_NOT_FOUND" }],
    ]),
    ["delete", { ifGenerationMatch: 0 }, { field: "if_generation_match" }],
    ["undelete", { generation: -1 }, { reason: "ARGUMENT_INVALID" }],
    ["move", { targetPath: "a" }, { code: "invalid_argument", field: "target_path" }],
    ["move", { path: "u\u0308", targetPath: "ü" }, { code: "invalid_argument", field: "target_path" }],
    ["move", { targetPath: "" }, { reason: "PATH_INVALID", field: "target_path" }],
    ["move", { targetPath: "b\r\nx-header: 1" }, { reason: "PATH_INVALID", field: "target_path" }],
    ["move", { ifGenerationMatch: 0 }, { code: "invalid_argument", field: "if_generation_match" }],
    ["move", { ifTargetGenerationMatch: -1 }, { code: "invalid_argument", field: "if_target_generation_match" }],
    ["restoreGeneration", { generation: 0 }, { code: "invalid_argument", field: "generation" }],
    ["restoreGeneration", { generation: -1 }, { code: "invalid_argument", field: "generation" }],
    ["restoreGeneration", { ifGenerationMatch: -1 }, { code: "invalid_argument", field: "if_generation_match" }],
  ];
  for (const [method, request, refusal] of refused) {
    it(`${method} refuses ${JSON.stringify(request)} and asks nothing`, async () => {
      expect(await catchError(() => commands[method](request))).to.include(refusal);
      expect(asked).to.deep.equal([]);
    });
  }
});
