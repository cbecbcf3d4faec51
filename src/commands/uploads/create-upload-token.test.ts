import { expect } from "chai";
import type { UploadToken } from "../../domain/caller.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type CreateUploadTokenRequest, createUploadToken, type UploadTokenAccess } from "./create-upload-token.ts";

describe("createUploadToken", () => {
  const NOW = new Date("2026-11-30T12:00:00Z");
  const access: UploadTokenAccess = {
    namespaces: sampleNamespaces({ fileSizeMaxBytes: 5000 }),
    uploads: { enterToken: async (_token, { lifetimeMs }) => new Date(NOW.getTime() + lifetimeMs) },
    toIssuer: (caller) => caller,
    format: ({ tokenId }) => `token ${tokenId}`,
    lifetimeMaxMs: 86_400_000,
  };
  const LEAST: CreateUploadTokenRequest = {
    namespace: "default",
    place: "own/",
    sizeMaxBytes: 0,
    uploadsMax: 0,
    onlyNewFiles: false,
    lifetimeMs: undefined,
  };
  const make = (request: Partial<CreateUploadTokenRequest> = {}, changes: Partial<UploadTokenAccess> = {}) =>
    createUploadToken({ ...access, ...changes }, { ...LEAST, ...request }, { caller: SAMPLE_CALLER });
  const endsAfterMs = ({ said }: { said: UploadToken }) => said.expireTime.getTime() - NOW.getTime();

  it("allows one upload for an hour, as large as the namespace takes, where nothing is said", async () => {
    const { token, said } = await make();
    const { tokenId, expireTime: _, ...rest } = said;
    expect(token).to.equal(`token ${tokenId}`);
    expect(rest).to.deep.equal({
      namespace: "default",
      place: "own/",
      sizeMaxBytes: 5000,
      uploadsMax: 1,
      onlyNewFiles: false,
      issuer: SAMPLE_CALLER,
    });
    expect(endsAfterMs({ said })).to.equal(3_600_000);
    expect(endsAfterMs(await make({}, { lifetimeMaxMs: 60_000 }))).to.equal(60_000);
  });

  it("takes each bound itself, and refuses what is beyond with the bound", async () => {
    for (const request of [
      { sizeMaxBytes: 1, uploadsMax: 1, lifetimeMs: 1000 },
      { sizeMaxBytes: 5000, uploadsMax: 10_000, lifetimeMs: 86_400_000 },
    ])
      expect((await make(request)).said).to.include({
        sizeMaxBytes: request.sizeMaxBytes,
        uploadsMax: request.uploadsMax,
      });
    const wrong: [Partial<CreateUploadTokenRequest>, string, string][] = [
      [{ sizeMaxBytes: 5001 }, "size_max_bytes", "1 to 5000 bytes"],
      [{ sizeMaxBytes: -1 }, "size_max_bytes", "1 to 5000 bytes"],
      [{ uploadsMax: 10_001 }, "uploads_max", "1 to 10000"],
      [{ lifetimeMs: 999 }, "lifetime", "from 1 s to 86400 s"],
      [{ lifetimeMs: 86_400_001 }, "lifetime", "from 1 s to 86400 s"],
      [{ place: "own//" }, "prefix", "empty segment"],
      [{ place: "/" }, "prefix", "empty segment"],
      [{ place: "a/../b" }, "path", '".."'],
    ];
    for (const [request, field, part] of wrong) {
      const error = await catchError(() => make(request));
      expect(error, JSON.stringify(request)).to.include({ code: "invalid_argument", field });
      expect((error as Error).message).to.contain(part);
    }
  });

  it("keeps a place in the one spelling that paths have", async () => {
    expect((await make({ place: "cafe\u0301/" })).said.place).to.equal("caf\u00e9/");
    expect((await make({ place: "cafe\u0301" })).said.place).to.equal("caf\u00e9");
  });

  it("makes none in a service without keys, and says which variable takes them", async () => {
    const error = await catchError(() => make({}, { format: undefined }));
    expect(error).to.include({ code: "failed_precondition", reason: "UPLOAD_TOKENS_OFF" });
    expect((error as Error).message).to.contain("SLUICE_TOKEN_KEYS");
  });
});
