import { crc32 } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Client } from "pg";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService, type WriteUploadRequestSchema } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { createSluiceClient } from "../../client/client.ts";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../../devstack/replicated-postgres.ts";
import { nextPath } from "../../testing/rigs/database/repository-subject.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

const NAMESPACE = "default";
const BYTES = Buffer.from("bytes of a file");
const POSITION = /^[1-9]\d*$/;
/** A position after everything that there can be. */
const FUTURE = String(2n ** 63n - 1n);

describe("A service with a read replica that lags", () => {
  let servers: ReplicatedPostgres;
  let service: RunningService;
  /** Another replica of the service, which hears nothing of what callers do at the first. */
  let elsewhere: RunningService;
  let grpc: Transport;
  before(async () => {
    servers = await startReplicatedPostgres();
    service = await startService({
      databaseUrl: servers.url,
      settings: { SLUICE_DATABASE_READ_URL: servers.readUrl },
    });
    elsewhere = await startService({
      databaseUrl: servers.url,
      settings: { SLUICE_DATABASE_READ_URL: servers.readUrl },
    });
    grpc = createGrpcTransport({ baseUrl: service.url });
    // From here on the replica shows an old state: no file at all.
    await servers.pauseReplay();
  });
  after(async () => {
    await servers?.resumeReplay();
    await elsewhere?.stop();
    await service?.stop();
    await servers?.stop();
  });

  const authorization = `Bearer ${SERVICE_TOKEN}`;
  const headersOf = (position?: string) => ({
    authorization,
    ...(position !== undefined && { "sluice-position": position }),
  });
  const rest = (route: string, init: Parameters<typeof callRest>[1] = {}, at = service) =>
    callRest(`${at.url}/v1/namespaces/${NAMESPACE}/${route}`, { token: SERVICE_TOKEN, ...init });
  /** The paths of a list whose prefix is the path: a list is never answered from memory. */
  const list = async (path: string, position?: string) => {
    const request = { namespace: NAMESPACE, prefix: path };
    const { files } = await createClient(FileQueryService, grpc).listFiles(request, { headers: headersOf(position) });
    return files.map((file) => file.path);
  };

  /** Makes the path's live file by a stream, and returns the commit position that the stream ends with. */
  async function writeUpload(path: string, transport: Transport, headers: Record<string, string> = headersOf()) {
    let trailer: Headers | undefined;
    async function* requests(): AsyncGenerator<MessageInitShape<typeof WriteUploadRequestSchema>> {
      const create = { requestId: crypto.randomUUID(), namespace: NAMESPACE, path };
      yield { message: { case: "start", value: { target: { case: "create", value: create } } } };
      yield { message: { case: "chunk", value: { offset: 0n, data: BYTES } } };
      yield { message: { case: "finish", value: {} } };
    }
    const onTrailer = (received: Headers) => {
      trailer = received;
    };
    for await (const _ of createClient(UploadService, transport).writeUpload(requests(), { headers, onTrailer }));
    return trailer?.get("sluice-position") ?? "none";
  }

  /** Makes the path's live file by WritePart and CompleteUpload. */
  async function writeParts(path: string) {
    const uploads = createClient(UploadService, grpc);
    const headers = headersOf();
    const create = { requestId: crypto.randomUUID(), namespace: NAMESPACE, path, sizeBytes: BigInt(BYTES.length) };
    const { upload } = await uploads.createUpload(create, { headers });
    const target = { namespace: NAMESPACE, uploadId: upload?.uploadId ?? "" };
    await uploads.writePart({ ...target, partNumber: 1, crc32: crc32(BYTES), data: BYTES }, { headers });
    let position: string | null = null;
    const onHeader = (header: Headers) => {
      position = header.get("sluice-position");
    };
    await uploads.completeUpload({ ...target, requestId: crypto.randomUUID() }, { headers, onHeader });
    return position ?? "none";
  }

  const put = async (path: string, headers: Record<string, string> = {}) => {
    return await rest(`files/${path}`, { method: "PUT", body: BYTES, headers });
  };
  /** Makes the path's live file over REST alone, in one part. */
  async function putParts(path: string) {
    const json = { path, sizeBytes: String(BYTES.length) };
    const created = await rest("uploads", { method: "POST", json });
    const upload = `uploads/${created.body.upload.uploadId}`;
    await rest(`${upload}/parts/1`, { method: "PUT", body: BYTES });
    const { headers } = await rest(`${upload}:complete`, { method: "POST", json: {} });
    return headers.get("sluice-position") ?? "none";
  }
  async function copy(path: string) {
    const source = nextPath();
    await put(source);
    const { headers } = await rest(`files/${source}:copy`, { method: "POST", json: { targetPath: path } });
    return headers.get("sluice-position") ?? "none";
  }

  it("runs without functions about the write-ahead log, which not every database has", async () => {
    for (const [url, name] of [
      [servers.url, "pg_current_wal_flush_lsn"],
      [servers.readUrl, "pg_last_wal_replay_lsn"],
    ] as const) {
      const client = new Client({ connectionString: url });
      await client.connect();
      const refused = await catchError(() => client.query(`SELECT ${name}()`));
      await client.end();
      expect(refused).to.include({ code: "42501", message: `permission denied for function ${name}` });
    }
  });

  const roads: [string, (path: string) => Promise<string>][] = [
    ["WriteUpload over gRPC", (path) => writeUpload(path, grpc)],
    [
      "WriteUpload over gRPC-web",
      (path) => writeUpload(path, createGrpcWebTransport({ baseUrl: service.url, httpVersion: "2" })),
    ],
    [
      "WriteUpload over Connect",
      (path) => writeUpload(path, createConnectTransport({ baseUrl: service.url, httpVersion: "2" })),
    ],
    ["WritePart and CompleteUpload", writeParts],
    ["PUT of a file", async (path) => (await put(path)).headers.get("sluice-position") ?? "none"],
    ["PUT of a part, completed over REST", putParts],
    ["CopyFile", copy],
  ];
  for (const [road, write] of roads) {
    it(`shows its caller what came by ${road}, at once`, async () => {
      const path = nextPath();
      const position = await write(path);
      expect(position).to.match(POSITION);
      const { getFile, searchFiles, listGenerations } = createClient(FileQueryService, grpc);
      const options = { headers: headersOf(position) };
      const { file } = await getFile({ namespace: NAMESPACE, path }, options);
      expect(file?.sizeBytes).to.equal(BigInt(BYTES.length));
      expect((await getFile({ namespace: NAMESPACE, path, generation: 1n }, options)).file?.generation).to.equal(1n);
      expect(await list(path, position)).to.deep.equal([path]);
      const found = await searchFiles({ namespace: NAMESPACE, filter: `path = "${path}"` }, options);
      expect(found.files.map((one) => one.path)).to.deep.equal([path]);
      expect((await listGenerations({ namespace: NAMESPACE, path }, options)).files).to.have.length(1);
      const headers = { "sluice-position": position };
      expect((await rest(`files/${path}`, { headers })).status).to.equal(200);
      const bytes = await rest(`files/${path}?alt=media&redirect=false&generation=1`, { headers });
      expect(bytes.body).to.equal(BYTES.toString());
      const listed = await rest(`files?prefix=${path}`, { headers });
      expect(listed.body.files.map((one: { path: string }) => one.path)).to.deep.equal([path]);
      // This service knows what its caller has done, also without a position.
      expect(await list(path)).to.deep.equal([path]);
      expect((await rest(`files/${path}`)).status).to.equal(200);
      // The replica does lag: elsewhere a caller that sends no commit position may be shown an old state.
      expect((await rest(`files?prefix=${path}`, {}, elsewhere)).body.files).to.deep.equal([]);
      expect((await rest(`files/${path}?alt=media&redirect=false&generation=1`, {}, elsewhere)).status).to.equal(404);
    });
  }

  it("answers a stream that repeats a commit with a position behind it, too", async () => {
    const path = nextPath();
    const requestId = crypto.randomUUID();
    const headers = { "idempotency-key": requestId };
    const [first, again] = [await put(path, headers), await put(path, headers)];
    expect([first.body.file.generation, again.body.file.generation]).to.deep.equal(["1", "1"]);
    expect(await list(path, again.headers.get("sluice-position") ?? "none")).to.deep.equal([path]);
  });

  it("is no matter to commands: they ask the primary", async () => {
    const path = nextPath();
    await put(path);
    const json = { targetPath: `${path}-copy` };
    expect((await rest(`files/${path}:copy`, { method: "POST", json })).status).to.equal(200);
    const { status, body } = await rest(`links`, { method: "POST", json: { path } });
    expect(status, JSON.stringify(body)).to.equal(200);
    const purging = { filter: `path = "${path}"`, includeLive: true, dryRun: true };
    const purged = await rest("files:purge", { method: "POST", json: purging });
    expect(purged.body.matchedCount, JSON.stringify(purged.body)).to.equal("1");
  });

  it("shows the links that its caller has made and revoked", async () => {
    const path = nextPath();
    await put(path);
    const made = await rest("links", { method: "POST", json: { path } });
    const states = async (behind?: Headers, at = service) => {
      const position = behind?.get("sluice-position");
      const headers = position == null ? {} : { "sluice-position": position };
      const { body } = await rest(`links?path=${path}&showEnded=true`, { headers }, at);
      return body.links.map((link: { state: string }) => link.state);
    };
    expect(await states(made.headers)).to.deep.equal(["LINK_STATE_ACTIVE"]);
    expect(await states()).to.deep.equal(["LINK_STATE_ACTIVE"]);
    expect(await states(undefined, elsewhere)).to.deep.equal([]);
    const revoked = await rest(`links/${made.body.link.linkId}`, { method: "DELETE" });
    expect(await states(revoked.headers)).to.deep.equal(["LINK_STATE_REVOKED"]);
  });

  it("lets the client see all that it has done, by itself", async () => {
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    const paths = async (prefix: string) => (await client.listFiles({ prefix })).files.map((file) => file.path);
    const path = nextPath();
    await client.upload(BYTES, path);
    expect(await paths(path)).to.deep.equal([path]);
    await client.moveFile(path, `${path}-moved`);
    expect(await paths(path)).to.deep.equal([`${path}-moved`]);
    await client.deleteFile(`${path}-moved`);
    expect(await paths(path)).to.deep.equal([]);
    client.close();
  });

  it("refuses what is no position, over every form", async () => {
    for (const position of ["garbage", "", "0/", "1/2/3", "G/1", "0/123456789", "-1/0", "1/2; DROP TABLE file"]) {
      const refused = await list("a", position).catch((error) => ConnectError.from(error).code);
      expect(refused, position).to.equal(Code.InvalidArgument);
      const written = await writeUpload("a", grpc, headersOf(position)).catch((error) => ConnectError.from(error));
      expect((written as ConnectError).code, position).to.equal(Code.InvalidArgument);
      const headers = { "sluice-position": position };
      const answers = [await rest("files", { headers }), await rest("files/a", { headers }), await put("a", headers)];
      expect(answers.map(({ status }) => status)).to.deep.equal([400, 400, 400]);
      const { reason, field, detail } = answers[0]?.body ?? {};
      expect({ reason, field }).to.deep.equal({ reason: "ARGUMENT_INVALID", field: "sluice-position" });
      expect(detail).to.contain("send back what a command answered");
    }
  });

  it("asks the primary for a position that is not there yet", async () => {
    const path = nextPath();
    await put(path);
    expect(await list(path, FUTURE)).to.deep.equal([path]);
    expect((await rest(`files/${path}`, { headers: { "sluice-position": FUTURE } })).status).to.equal(200);
  });

  it("is asked again once it has caught up", async () => {
    const path = nextPath();
    const position = (await put(path)).headers.get("sluice-position") ?? "none";
    await servers.resumeReplay();
    try {
      expect(await list(path, position)).to.deep.equal([path]);
    } finally {
      await servers.pauseReplay();
    }
    expect(await list(path), "by the replica, which shows it now").to.deep.equal([path]);
  });
});
