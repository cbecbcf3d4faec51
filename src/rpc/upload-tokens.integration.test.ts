import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { sql } from "slonik";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { NamespaceService, Role } from "../../gen/sluice/v1/namespace_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { createSluiceClient } from "../client/client.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { authenticateUploadTokens, TEST_TOKEN_KEYS } from "../testing/rigs/callers/authenticate-upload-tokens.ts";
import { fromNow } from "../testing/rigs/from-now.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, type RunningService, startService } from "../testing/rigs/service/running-service.ts";
import { catchError } from "../testing/samples/sample-records.ts";

type Place = { case: "prefix" | "path"; value: string };

describe("Upload tokens over gRPC and REST", () => {
  let service: RunningService;
  let transport: ReturnType<typeof createGrpcTransport>;

  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const uploads = () => createClient(UploadService, transport);
  const namespaces = () => createClient(NamespaceService, transport);

  interface Given {
    name: string;
    roles: Role[];
    prefixes?: string[];
    isGroup?: boolean;
  }
  const STANDING: Given[] = [
    { name: "owner", roles: [Role.READER, Role.WRITER] },
    { name: "alice", roles: [Role.WRITER], prefixes: ["own/"] },
    { name: "wren", roles: [Role.WRITER], prefixes: ["own/"], isGroup: true },
    { name: "rita", roles: [Role.READER] },
  ];
  const setGrants = (given: readonly Given[]) =>
    namespaces().setGrants(
      {
        namespace: "default",
        grants: given.map(({ name, roles, prefixes = [], isGroup = false }) => {
          const member = isGroup
            ? { case: "group" as const, value: `acme:group-${name}` }
            : { case: "principal" as const, value: `acme:${name}` };
          return { member, roles, prefixes };
        }),
      },
      as("root"),
    );

  before(async () => {
    service = await startService({
      authenticate: authenticateUploadTokens(),
      settings: { SLUICE_ADMINS: "acme:root", SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS.slice(0, 1)) },
    });
    transport = createGrpcTransport({ baseUrl: service.url });
    await setGrants(STANDING);
  });
  after(() => service?.stop());
  afterEach(() => expect(service.errorsLogged).to.deep.equal([]));

  const make = async (
    wanted: { place?: Place; by?: string } & Partial<{
      sizeMaxBytes: bigint;
      uploadsMax: number;
      onlyNewFiles: boolean;
      lifetime: { seconds: bigint };
    }> = {},
  ): Promise<string> => {
    const { place = { case: "prefix", value: "own/" }, by = "alice", ...limits } = wanted;
    const request = { namespace: "default", place, sizeMaxBytes: 1000n, uploadsMax: 100, ...limits };
    return (await uploads().createUploadToken(request, as(by))).token;
  };
  const begin = async (
    token: string,
    request: {
      path?: string;
      requestId?: string;
      sizeBytes?: bigint;
      ifGenerationMatch?: bigint;
      namespace?: string;
    } = {},
  ) => {
    const { path = `own/${randomUUID()}`, requestId = randomUUID(), ...rest } = request;
    const { upload } = await uploads().createUpload({ namespace: "default", requestId, path, ...rest }, as(token));
    return { namespace: "default", uploadId: upload?.uploadId ?? "" };
  };
  const putPart = async (token: string, upload: { namespace: string; uploadId: string }, text: string) => {
    const data = Buffer.from(text);
    await uploads().writePart({ ...upload, partNumber: 1, crc32: crc32(data), data }, as(token));
  };
  const complete = (
    token: string,
    upload: { namespace: string; uploadId: string },
    rest: { ifGenerationMatch?: bigint } = {},
  ) => uploads().completeUpload({ ...upload, requestId: randomUUID(), ...rest }, as(token));

  /** What a failed call tells. */
  async function toldBy(call: () => Promise<unknown>) {
    const error = await catchError(call);
    if (!(error instanceof ConnectError)) throw error ?? new Error("the call succeeded");
    const [info] = error.findDetails(ErrorInfoSchema);
    return { code: error.code, message: error.rawMessage, reason: info?.reason, details: info?.metadata };
  }
  const reasonOf = async (call: () => Promise<unknown>) => (await toldBy(call)).reason;

  /** The database's clock cannot be moved, so the token's end is: it is signed with the time that it says. */
  const expire = async (token: string): Promise<string> => {
    const { createPurposeSigner } = await import("../auth/purpose-signer.ts");
    const { formatUploadToken, parseUploadToken, UPLOAD_TOKEN_PURPOSE } = await import(
      "../auth/upload/upload-token-form.ts"
    );
    const signer = createPurposeSigner([Buffer.from(TEST_TOKEN_KEYS[0], "base64")], UPLOAD_TOKEN_PURPOSE);
    const said = parseUploadToken(token, signer);
    if (said === undefined) throw new Error("the token is not one of this test");
    return formatUploadToken({ ...said, expireTime: fromNow(-60_000) }, signer);
  };

  it("uploads by parts, by streams and by PUT, and sees its own uploads", async () => {
    const token = await make();
    const upload = await begin(token, { sizeBytes: 5n });
    await putPart(token, upload, "hello");
    expect((await uploads().getUpload(upload, as(token))).upload?.durableBytes).to.equal(5n);
    expect((await complete(token, upload)).file?.path).to.match(/^own\//);
    for await (const report of uploads().watchUpload(upload, as(token))) expect(report.committed).to.equal(true);
    const client = createSluiceClient({ url: service.url, token });
    const committed = await client.upload(Buffer.from("streamed"), "own/streamed");
    expect(committed.file?.sizeBytes).to.equal(8n);
    client.close();
    const put = await callRest(`${service.url}/v1/namespaces/default/files/own/put`, {
      token,
      method: "PUT",
      body: "put",
    });
    expect([put.status, put.body.file?.path]).to.deep.equal([201, "own/put"]);
    const again = await callRest(`${service.url}/v1/namespaces/default/files/own/put`, {
      token,
      method: "PUT",
      body: "pu",
    });
    expect(again.status).to.equal(201);
  });

  it("signs URLs for parts, and aborts, for its own uploads alone", async () => {
    const [token, other] = [await make(), await make()];
    const upload = await begin(token, { sizeBytes: 5n });
    const sign = (by: string) =>
      uploads().signParts(
        { ...upload, parts: [{ partNumber: 1, sizeBytes: 5n, crc32: crc32(Buffer.from("hello")) }] },
        as(by),
      );
    expect((await sign(token)).parts[0]?.url).to.contain("http");
    const abort = (by: string) => uploads().abortUpload({ ...upload, requestId: randomUUID() }, as(by));
    const own = await begin("alice", { path: "own/alices" });
    const missing = { ...own, uploadId: randomUUID() };
    for (const call of [
      () => sign(other),
      () => abort(other),
      () => uploads().getUpload(upload, as(other)),
      () => uploads().getUpload(own, as(token)),
      () => complete(token, own),
      () => putPart(token, own, "x"),
    ])
      expect(await reasonOf(call)).to.equal("UPLOAD_NOT_FOUND");
    const [ofAnother, ofNone] = [
      await toldBy(() => uploads().getUpload(own, as(token))),
      await toldBy(() => uploads().getUpload(missing, as(token))),
    ];
    expect(JSON.parse(JSON.stringify(ofAnother).replaceAll(own.uploadId, missing.uploadId))).to.deep.equal(ofNone);
    await abort(token);
    // The issuer sees it as any upload of the paths that they may write.
    expect((await uploads().getUpload(upload, as("alice"))).upload?.path).to.match(/^own\//);
  });

  it("leaves its place by no spelling of a path", async () => {
    const token = await make({ place: { case: "prefix", value: "own/caf\u00e9/" } });
    expect((await begin(token, { path: "own/cafe\u0301/a" })).uploadId).not.to.equal("");
    for (const path of [
      "own/a",
      "own/caf\u00e9",
      "own/caf\u00e9.txt",
      "own/CAF\u00c9/a",
      "own/caf\u00e8/a",
      "other/own/caf\u00e9/a",
    ])
      expect(await reasonOf(() => begin(token, { path })), path).to.equal("PERMISSION_DENIED");
    for (const path of [
      "own/caf\u00e9/../a",
      "own/caf\u00e9/./a",
      "own/caf\u00e9//a",
      "own/caf\u00e9/",
      "own/caf\u00e9/a\u0000",
      "own/caf\u00e9/a\u202ea",
    ])
      expect(await reasonOf(() => begin(token, { path })), path).to.equal("PATH_INVALID");
    expect(await reasonOf(() => begin(token, { namespace: "other", path: "own/caf\u00e9/a" }))).to.equal(
      "PERMISSION_DENIED",
    );
    for (const path of ["own/caf%C3%A9/..%2Fa", "own/caf%C3%A9/%2e%2e/a", "own%2Fa", "own/a"]) {
      const { status } = await callRest(`${service.url}/v1/namespaces/default/files/${path}`, {
        token,
        method: "PUT",
        body: "x",
      });
      expect([400, 403, 404], path).to.include(status);
    }
    const exact = await make({ place: { case: "path", value: "own/one.pdf" } });
    await begin(exact, { path: "own/one.pdf" });
    for (const path of ["own/one.pdf.exe", "own/one.pd", "own/one.pdf/a"])
      expect(await reasonOf(() => begin(exact, { path })), path).to.equal("PERMISSION_DENIED");
  });

  it("takes no more bytes than it says, declared or not", async () => {
    const token = await make({ sizeMaxBytes: 1000n });
    expect(await toldBy(() => begin(token, { sizeBytes: 1001n }))).to.deep.include({
      reason: "SIZE_LIMIT",
      details: { size_bytes: "1001", size_bytes_max: "1000" },
    });
    await begin(token, { sizeBytes: 1000n });
    const client = createSluiceClient({ url: service.url, token });
    const stream = (bytes: number) =>
      async function* () {
        for (let sent = 0; sent < bytes; sent += 100) yield Buffer.alloc(Math.min(100, bytes - sent));
      };
    const whole = await client.upload(stream(1000)(), "own/exact");
    expect(whole.file?.sizeBytes).to.equal(1000n);
    const error = await catchError(() => client.upload(stream(1001)(), "own/beyond"));
    expect(error).to.include({ reason: "SIZE_LIMIT" });
    client.close();
    // A part of an upload without a declared size is a whole one, which is larger than the token allows here.
    const upload = await begin(token);
    const data = Buffer.alloc(2 * PART_BYTES);
    expect(
      await toldBy(() => uploads().writePart({ ...upload, partNumber: 1, crc32: crc32(data), data }, as(token))),
    ).to.include({
      reason: "SIZE_LIMIT",
    });
    const put = await callRest(`${service.url}/v1/namespaces/default/files/own/p`, {
      token,
      method: "PUT",
      body: "x".repeat(1001),
    });
    expect(put.body.reason).to.equal("SIZE_LIMIT");
  });

  it("creates no more uploads than it says, when twenty calls come at once; a repeated request is no use", async () => {
    const token = await make({ uploadsMax: 10 });
    const requests = Array.from({ length: 20 }, () => ({ requestId: randomUUID(), path: `own/${randomUUID()}` }));
    const outcomes = await Promise.all(
      requests.map(async (request) => ({ request, error: await catchError(() => begin(token, request)) })),
    );
    const made = outcomes.filter(({ error }) => error === undefined);
    expect(made).to.have.lengthOf(10);
    const refused = outcomes.filter(({ error }) => error !== undefined);
    for (const { error } of refused)
      expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).to.equal("UPLOAD_TOKEN_USED_UP");
    for (const { request } of made) expect((await begin(token, request)).uploadId).not.to.equal("");
    expect(await reasonOf(() => begin(token))).to.equal("UPLOAD_TOKEN_USED_UP");
    const one = await make({ uploadsMax: 1 });
    const request = { requestId: randomUUID(), path: "own/repeated" };
    const all = await Promise.all(Array.from({ length: 5 }, () => begin(one, request)));
    expect(new Set(all.map(({ uploadId }) => uploadId)).size).to.equal(1);
  });

  it("keeps request ids of tokens and of their issuer apart", async () => {
    const [token, other] = [await make(), await make()];
    const request = { requestId: randomUUID(), path: "own/same" };
    const ids = [await begin(token, request), await begin(other, request), await begin("alice", request)];
    expect(new Set(ids.map(({ uploadId }) => uploadId)).size).to.equal(3);
  });

  it("begins nothing once it has expired, and ends what it began", async () => {
    const token = await make();
    const request = { requestId: randomUUID(), path: "own/late", sizeBytes: 5n };
    const upload = await begin(token, request);
    const expired = await expire(token);
    expect(await reasonOf(() => begin(expired))).to.equal("TOKEN_EXPIRED");
    expect(await begin(expired, request)).to.deep.equal(upload);
    await putPart(expired, upload, "hello");
    expect((await complete(expired, upload)).file?.path).to.equal("own/late");
    expect((await uploads().getUpload(upload, as(expired))).upload?.file?.path).to.equal("own/late");
  });

  it("states no precondition, unless its issuer let it make new files only", async () => {
    const token = await make();
    for (const ifGenerationMatch of [0n, 1n, 7n])
      expect(await reasonOf(() => begin(token, { path: "own/x", ifGenerationMatch }))).to.equal("PERMISSION_DENIED");
    const upload = await begin(token, { path: "own/x", sizeBytes: 1n });
    await putPart(token, upload, "x");
    expect(await reasonOf(() => complete(token, upload, { ifGenerationMatch: 0n }))).to.equal("PERMISSION_DENIED");
    await complete(token, upload);
    for (const header of [
      { "if-match": '"a"' },
      { "if-match": "*" },
      { "if-none-match": '"a"' },
      { "if-none-match": "*" },
    ]) {
      const { status } = await callRest(`${service.url}/v1/namespaces/default/files/own/x`, {
        token,
        method: "PUT",
        body: "y",
        headers: header,
      });
      expect(status, JSON.stringify(header)).to.equal(403);
    }
    const only = await make({ onlyNewFiles: true });
    expect(await reasonOf(() => begin(only, { path: "own/x" }))).to.equal("GENERATION_MISMATCH");
    expect(await reasonOf(() => begin(only, { path: "own/x", ifGenerationMatch: 1n }))).to.equal("PERMISSION_DENIED");
    const fresh = await begin(only, { path: "own/fresh", sizeBytes: 1n, ifGenerationMatch: 0n });
    await putPart(only, fresh, "x");
    expect(await reasonOf(() => complete(only, fresh, { ifGenerationMatch: 1n }))).to.equal("PERMISSION_DENIED");
    const earlier = await begin("alice", { path: "own/fresh", sizeBytes: 1n });
    await putPart("alice", earlier, "a");
    await complete("alice", earlier);
    expect(await reasonOf(() => complete(only, fresh))).to.equal("GENERATION_MISMATCH");
    const put = await callRest(`${service.url}/v1/namespaces/default/files/own/new`, {
      token: only,
      method: "PUT",
      body: "y",
      headers: { "if-none-match": "*" },
    });
    expect(put.status).to.equal(201);
  });

  it("is made by writers of the whole place, and by no token of its own kind", async () => {
    const at = (by: string, place: Place) => reasonOf(() => make({ by, place }));
    expect(await at("alice", { case: "prefix", value: "" })).to.equal("PERMISSION_DENIED");
    expect(await at("alice", { case: "prefix", value: "other/" })).to.equal("PERMISSION_DENIED");
    expect(await at("alice", { case: "path", value: "own" })).to.equal("PERMISSION_DENIED");
    expect(await at("rita", { case: "prefix", value: "own/" })).to.equal("PERMISSION_DENIED");
    expect(await at("stranger", { case: "prefix", value: "own/" })).to.equal("NAMESPACE_NOT_FOUND");
    expect(await at(await make(), { case: "prefix", value: "own/" })).to.equal("PERMISSION_DENIED");
    await make({ place: { case: "prefix", value: "own/deeper/" } });
    await make({ by: "owner", place: { case: "prefix", value: "" } });
  });

  it("refuses values that are out of bounds, with the bound", async () => {
    const wrong: [Parameters<typeof make>[0], string][] = [
      [{ place: { case: "prefix", value: "own" } }, 'must end in "/"'],
      [{ place: { case: "prefix", value: "own/../" } }, '".."'],
      [{ place: { case: "path", value: "own/" } }, 'ends in "/"'],
      [{ place: { case: "path", value: "" } }, "path is empty"],
      [{ sizeMaxBytes: -1n }, "size_max_bytes is -1"],
      [{ sizeMaxBytes: 2n ** 50n }, "namespace default takes files of 1 to"],
      [{ uploadsMax: 10_001 }, "1 to 10000"],
      [{ uploadsMax: -1 }, "1 to 10000"],
      [{ lifetime: { seconds: 86_401n } }, "from 1 s to 86400 s"],
      [{ lifetime: { seconds: 0n } }, "from 1 s to 86400 s"],
    ];
    for (const [wanted, part] of wrong) expect((await toldBy(() => make(wanted))).message).to.include(part);
  });

  describe("when its issuer's grant is withdrawn", () => {
    afterEach(() => setGrants(STANDING));

    it("is refused at the next call, and lets nothing go on", async () => {
      const token = await make();
      const upload = await begin(token, { sizeBytes: 5n });
      await setGrants(STANDING.filter(({ name }) => name !== "alice"));
      expect(await toldBy(() => begin(token))).to.include({ reason: "PERMISSION_DENIED" });
      for (const call of [
        () => putPart(token, upload, "hello"),
        () => complete(token, upload),
        () => uploads().getUpload(upload, as(token)),
      ])
        expect(await reasonOf(call)).to.equal("PERMISSION_DENIED");
      await setGrants(STANDING);
      await putPart(token, upload, "hello");
    });

    it("keeps to what is left of the grant", async () => {
      const token = await make();
      await setGrants([
        ...STANDING.filter(({ name }) => name !== "alice"),
        { name: "alice", roles: [Role.WRITER], prefixes: ["own/left/"] },
      ]);
      await begin(token, { path: "own/left/a" });
      expect(await reasonOf(() => begin(token, { path: "own/a" }))).to.equal("PERMISSION_DENIED");
    });

    it("ends an open stream as it does for any caller", async () => {
      const token = await make();
      const client = createSluiceClient({ url: service.url, token });
      const begun = Promise.withResolvers<void>();
      const bytes = async function* () {
        yield Buffer.alloc(100);
        begun.resolve();
        for (;;) {
          yield Buffer.alloc(0);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const uploading = catchError(() => client.upload(bytes(), "own/open"));
      await begun.promise;
      await setGrants(STANDING.filter(({ name }) => name !== "alice"));
      expect(await uploading).to.include({ reason: "PERMISSION_DENIED" });
      client.close();
    });

    it("counts the groups of its issuer, as they were", async () => {
      const token = await make({ by: "wren" });
      await begin(token);
      await setGrants(STANDING.filter(({ name }) => name !== "wren"));
      expect(await reasonOf(() => begin(token))).to.equal("PERMISSION_DENIED");
    });
  });

  it("notes by which token an upload was created", async () => {
    const { token, uploadToken } = await uploads().createUploadToken(
      { namespace: "default", place: { case: "prefix", value: "own/" } },
      as("alice"),
    );
    const { uploadId } = await begin(token);
    const pool = await createDatabasePool("test", { url: service.databaseUrl });
    const row = await pool.one(sql.unsafe`SELECT principal, upload_token_id FROM upload WHERE upload_id = ${uploadId}`);
    await pool.end();
    expect(row).to.deep.equal({ principal: "acme:alice", upload_token_id: uploadToken?.tokenId });
  });

  it("is refused every method but those of uploads", async () => {
    const token = await make();
    const denied = await toldBy(() =>
      createClient(FileQueryService, transport).getFile({ namespace: "default", path: "own/put" }, as(token)),
    );
    expect(denied).to.include({ reason: "PERMISSION_DENIED" });
    expect(denied.message).to.include("only uploads");
  });
});
