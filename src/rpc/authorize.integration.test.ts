import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { NamespaceService, Role } from "../../gen/sluice/v1/namespace_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { authenticateCallers } from "../testing/rigs/callers/authenticate-callers.ts";
import { callRest, type RestAnswer } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, type RunningService, startService } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { catchError } from "../testing/samples/sample-records.ts";

describe("Grants over gRPC and REST", () => {
  let service: RunningService;
  let transport: ReturnType<typeof createGrpcTransport>;

  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
  const rest = (name: string, path: string, init: Parameters<typeof callRest>[1] = {}): Promise<RestAnswer> =>
    callRest(`${service.url}/v1/namespaces/${path}`, { token: name, ...init });
  const files = () => createClient(FileQueryService, transport);
  const commands = () => createClient(FileCommandService, transport);
  const uploads = () => createClient(UploadService, transport);
  const namespaces = () => createClient(NamespaceService, transport);

  interface Given {
    name: string;
    roles: Role[];
    prefixes?: string[];
    isGroup?: boolean;
  }
  const OWNER: Given = { name: "owner", roles: [Role.READER, Role.WRITER, Role.DELETER, Role.AUDITOR, Role.ADMIN] };
  const STANDING: Given[] = [
    OWNER,
    { name: "alice", roles: [Role.READER], prefixes: ["own/", "more/"] },
    { name: "wren", roles: [Role.WRITER], prefixes: ["own/"], isGroup: true },
    { name: "mover", roles: [Role.READER, Role.DELETER], prefixes: ["own/"] },
    { name: "mover", roles: [Role.WRITER], prefixes: ["more/"] },
    { name: "audrey", roles: [Role.AUDITOR] },
  ];
  const setGrants = (given: readonly Given[], namespace = "default") =>
    namespaces().setGrants(
      {
        namespace,
        grants: given.map(({ name, roles, prefixes = [], isGroup = false }) => {
          const member = isGroup
            ? { case: "group" as const, value: `acme:group-${name}` }
            : { case: "principal" as const, value: `acme:${name}` };
          return { member, roles, prefixes };
        }),
      },
      as("root"),
    );
  const without = (name: string) => STANDING.filter((one) => one.name !== name);

  before(async () => {
    service = await startService({ authenticate: authenticateCallers, settings: { SLUICE_ADMINS: "acme:root" } });
    transport = createGrpcTransport({ baseUrl: service.url });
    await setGrants(STANDING);
    for (const path of ["own/a", "own/deep/b", "more/c", "other/d", "other/deep/e", "top"]) {
      const { status, body } = await rest("owner", `default/files/${path}`, {
        method: "PUT",
        body: `bytes of ${path}`,
      });
      expect(status, JSON.stringify(body)).to.equal(201);
    }
    const second = { name: "second", bucket: "second-bucket", region: "eu-central-1" };
    await namespaces().createNamespace({ namespace: second }, as("root"));
    await setGrants([{ name: "neighbour", roles: [Role.READER] }], "second");
  });
  after(() => service?.stop());
  afterEach(() => expect(service.errorsLogged).to.deep.equal([]));

  /** What a failed call tells. */
  async function toldBy(call: () => Promise<unknown>) {
    const error = await catchError(call);
    if (!(error instanceof ConnectError)) throw error ?? new Error("the call succeeded");
    const [info] = error.findDetails(ErrorInfoSchema);
    return { code: error.code, message: error.rawMessage, reason: info?.reason, details: info?.metadata };
  }

  it("tells of hidden things what it tells of things that do not exist, word for word", async () => {
    const { upload } = await uploads().createUpload(
      { requestId: randomUUID(), namespace: "default", path: "other/u" },
      as("owner"),
    );
    const { link } = await commands().createLink(
      { requestId: randomUUID(), namespace: "default", path: "other/d" },
      as("owner"),
    );
    const noId = randomUUID();
    const cases: [string, (name: string) => Promise<unknown>, string, string][] = [
      ["getFile", (path) => files().getFile({ namespace: "default", path }, as("alice")), "other/d", "other/x"],
      [
        "deleteFile",
        (path) => commands().deleteFile({ requestId: noId, namespace: "default", path }, as("mover")),
        "other/d",
        "other/x",
      ],
      [
        "getUpload",
        (uploadId) => uploads().getUpload({ namespace: "default", uploadId }, as("wren")),
        upload?.uploadId ?? "",
        noId,
      ],
      [
        "revokeLink",
        (linkId) => commands().revokeLink({ namespace: "default", linkId }, as("wren")),
        link?.linkId ?? "",
        noId,
      ],
      [
        "getFile of a namespace",
        (namespace) => files().getFile({ namespace, path: "a" }, as("alice")),
        "second",
        "nowhere",
      ],
      ["getNamespace", (namespace) => namespaces().getNamespace({ namespace }, as("alice")), "second", "nowhere"],
      ["getGrants", (namespace) => namespaces().getGrants({ namespace }, as("alice")), "second", "nowhere"],
    ];
    for (const [title, call, hidden, missing] of cases) {
      const [ofHidden, ofMissing] = [await toldBy(() => call(hidden)), await toldBy(() => call(missing))];
      expect(JSON.parse(JSON.stringify(ofHidden).replaceAll(hidden, missing)), title).to.deep.equal(ofMissing);
    }
    for (const [hidden, missing] of [
      ["default/files/other/d", "default/files/other/x"],
      ["second/files/a", "second-not/files/a"],
      ["second", "second-not"],
    ] as const) {
      const [ofHidden, ofMissing] = [await rest("alice", hidden), await rest("alice", missing)];
      expect(ofHidden.status).to.equal(404);
      const [from = "", to = ""] = hidden.startsWith("second") ? ["second", "second-not"] : ["other/d", "other/x"];
      expect(JSON.stringify(ofHidden.body).replaceAll(from, to)).to.equal(JSON.stringify(ofMissing.body));
    }
  });

  it("lists and finds below the prefixes of the caller alone, page by page", async () => {
    const seen: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await files().listFiles({ namespace: "default", pageSize: 1, pageToken }, as("alice"));
      seen.push(...page.files.map(({ path }) => path));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(seen).to.deep.equal(["more/c", "own/a", "own/deep/b"]);
    const ofAll = { namespace: "default", delimiter: "/" };
    expect((await files().listFiles(ofAll, as("alice"))).folders).to.deep.equal(["more/", "own/"]);
    expect((await files().listFiles({ ...ofAll, prefix: "other/" }, as("alice"))).files).to.deep.equal([]);
    for (const orderBy of ["", "path", "size_bytes desc"]) {
      const query = { namespace: "default", filter: "size_bytes > 0", orderBy };
      const found = await files().searchFiles(query, as("alice"));
      expect(found.files.map(({ path }) => path)).to.have.members(["more/c", "own/a", "own/deep/b"]);
    }
    expect(await toldBy(() => files().listFiles({ namespace: "default" }, as("wren")))).to.include({
      reason: "PERMISSION_DENIED",
    });
  });

  it("lets no path leave its prefix", async () => {
    for (const path of ["own/../other/d", "own/./../other/d", "own//../other/d"]) {
      const { reason } = await toldBy(() => files().getFile({ namespace: "default", path }, as("alice")));
      expect(reason, path).to.equal("PATH_INVALID");
    }
    for (const path of ["own/%2e%2e/other/d", "own%2F..%2Fother%2Fd", "own/..%2fother/d"]) {
      const { status, body } = await rest("alice", `default/files/${path}`);
      expect([status, body.file], path).to.deep.equal([status === 404 ? 404 : 400, undefined]);
    }
    const upload = { requestId: randomUUID(), namespace: "default", path: "own/../other/d" };
    expect(await toldBy(() => uploads().createUpload(upload, as("wren")))).to.include({ reason: "PATH_INVALID" });
  });

  it("judges uploads by the path of their row, whoever began them", async () => {
    const begin = async (path: string, name: string) => {
      const { upload } = await uploads().createUpload(
        { requestId: randomUUID(), namespace: "default", path },
        as(name),
      );
      return { namespace: "default", uploadId: upload?.uploadId ?? "" };
    };
    const own = await begin("own/u", "wren");
    expect((await uploads().getUpload(own, as("alice"))).upload?.path).to.equal("own/u");
    expect(await toldBy(() => uploads().abortUpload({ ...own, requestId: randomUUID() }, as("alice")))).to.include({
      reason: "PERMISSION_DENIED",
    });
    expect(await toldBy(() => uploads().getUpload(own, as("audrey")))).to.include({ reason: "UPLOAD_NOT_FOUND" });
    await uploads().abortUpload({ ...own, requestId: randomUUID() }, as("wren"));
    const other = await begin("other/u", "owner");
    expect(await toldBy(() => uploads().abortUpload({ ...other, requestId: randomUUID() }, as("wren")))).to.include({
      reason: "UPLOAD_NOT_FOUND",
    });
  });

  it("asks for the roles of a move and of a copy at both ends", async () => {
    const at = (path: string, targetPath: string) => ({
      requestId: randomUUID(),
      namespace: "default",
      path,
      targetPath,
    });
    expect(await toldBy(() => commands().moveFile(at("own/a", "own/z"), as("mover")))).to.include({
      reason: "PERMISSION_DENIED",
    });
    for (const call of [
      () => commands().moveFile(at("own/a", "other/z"), as("mover")),
      () => commands().copyFile(at("own/a", "other/z"), as("mover")),
      () => commands().copyFile(at("other/d", "more/z"), as("mover")),
    ])
      expect(await toldBy(call)).to.include({ reason: "FILE_NOT_FOUND" });
    await commands().copyFile(at("own/a", "more/copy"), as("mover"));
    await commands().moveFile(at("own/a", "more/moved"), as("mover"));
    await commands().moveFile(at("more/moved", "own/a"), as("owner"));
  });

  it("lets nobody but an admin set or lift a legal hold", async () => {
    const hold = (legalHold: boolean, name: string) =>
      commands().updateFile(
        {
          requestId: randomUUID(),
          file: { namespace: "default", path: "own/a", legalHold },
          updateMask: { paths: ["legal_hold"] },
        },
        as(name),
      );
    const label = { requestId: randomUUID(), file: { namespace: "default", path: "own/a", labels: { team: "tax" } } };
    await commands().updateFile(label, as("wren"));
    expect(await toldBy(() => hold(true, "wren"))).to.include({ reason: "FILE_NOT_FOUND" });
    await hold(true, "owner");
    expect(await toldBy(() => hold(false, "wren"))).to.include({ reason: "FILE_NOT_FOUND" });
    await hold(false, "owner");
  });

  it("lets those of SLUICE_ADMINS manage namespaces, and see no file", async () => {
    const { namespaces: all } = await namespaces().listNamespaces({}, as("root"));
    expect(all.map(({ name }) => name)).to.deep.equal(["default", "second"]);
    const { namespaces: own } = await namespaces().listNamespaces({}, as("neighbour"));
    expect(own.map(({ name }) => name)).to.deep.equal(["second"]);
    expect((await namespaces().listNamespaces({}, as("stranger"))).namespaces).to.deep.equal([]);
    expect((await rest("root", "default/files/own/a")).body).to.include({ reason: "NAMESPACE_NOT_FOUND" });
    const wanted = { name: "third", bucket: "third-bucket", region: "eu-central-1" };
    expect(await toldBy(() => namespaces().createNamespace({ namespace: wanted }, as("owner")))).to.include({
      reason: "PERMISSION_DENIED",
    });
    expect(Number((await namespaces().getUsage({ namespace: "default" }, as("audrey"))).liveFiles)).to.be.above(5);
    expect(await toldBy(() => namespaces().getUsage({ namespace: "default" }, as("alice")))).to.include({
      reason: "PERMISSION_DENIED",
    });
  });

  it("reports where files lie to those who audit them, and of no other namespace", async () => {
    const { namespaces: reported } = await namespaces().getResidencyReport({}, as("audrey"));
    const [report] = reported;
    expect(reported.map(({ namespace }) => namespace)).to.deep.equal(["default"]);
    expect(report).to.deep.include({ allowedRegions: [report?.region], violations: [], truncated: false });
    expect(report?.places.map(({ bucket, region }) => [bucket, region])).to.deep.equal([
      [report?.bucket, report?.region],
    ]);
    expect(Number(report?.places[0]?.sizeBytes)).to.be.above(50);
    for (const name of ["alice", "root", "stranger"])
      expect((await namespaces().getResidencyReport({}, as(name))).namespaces, name).to.deep.equal([]);
    const { status, body } = await callRest(`${service.url}/v1/residencyReport`, { token: "audrey" });
    expect([status, JSON.stringify(body)]).to.deep.include(200);
    expect(JSON.stringify(body)).to.contain('"allowedRegions"');
  });

  it("binds a change of grants or of a namespace to its etag, over REST by If-Match", async () => {
    const { headers, body } = await rest("owner", "default/grants");
    const etag = headers.get("etag") ?? "";
    expect(etag).to.equal(`"${body.etag}"`);
    const put = (tag: string) =>
      rest("owner", "default/grants", { method: "PUT", json: { grants: body.grants }, headers: { "if-match": tag } });
    const changed = await put(etag);
    expect([changed.status, changed.body.grants]).to.deep.equal([200, body.grants]);
    expect((await put(etag)).body).to.include({ reason: "ETAG_MISMATCH" });
    const patch = (tag: string) =>
      rest("owner", "default?updateMask=retention", {
        method: "PATCH",
        json: { retention: "86400s" },
        headers: { "if-match": tag },
      });
    expect((await patch(etag)).body).to.include({ reason: "ETAG_MISMATCH" });
    const updated = await patch(changed.headers.get("etag") ?? "");
    expect([updated.status, updated.body.namespace?.retention]).to.deep.equal([200, "86400s"]);
    const again = await rest("owner", "default", { headers: { "if-none-match": updated.headers.get("etag") ?? "" } });
    expect(again.status).to.equal(304);
  });

  describe("when a grant is withdrawn", () => {
    afterEach(() => setGrants(STANDING));

    it("ends an open upload with its durable offset", async () => {
      const { upload } = await uploads().createUpload(
        { requestId: randomUUID(), namespace: "default", path: "own/w" },
        as("wren"),
      );
      const ended = new AbortController();
      const part = Buffer.alloc(2 * PART_BYTES, "w");
      const requests = async function* () {
        const reference = { namespace: "default", uploadId: upload?.uploadId ?? "" };
        const target = { case: "upload" as const, value: reference };
        yield { message: { case: "start" as const, value: { target } } };
        yield { message: { case: "chunk" as const, value: { offset: 0n, crc32: crc32(part), data: part } } };
        // A first part is sent once it is known that it is not the whole file.
        yield { message: { case: "chunk" as const, value: { offset: BigInt(part.length), data: Buffer.from("x") } } };
        await new Promise((resolve) => ended.signal.addEventListener("abort", resolve));
      };
      const told = await toldBy(async () => {
        for await (const { message } of uploads().writeUpload(requests(), as("wren")))
          if (message.case === "progress" && message.value.durableBytes > 0n) await setGrants(without("wren"));
      });
      ended.abort();
      expect(told).to.include({ reason: "NAMESPACE_NOT_FOUND" });
      expect(told.details).to.include({ durable_offset: String(part.length) });
    });

    it("ends an open watch and an open download", async () => {
      const { upload } = await uploads().createUpload(
        { requestId: randomUUID(), namespace: "default", path: "own/watched" },
        as("wren"),
      );
      const watched = { namespace: "default", uploadId: upload?.uploadId ?? "" };
      const told = await toldBy(async () => {
        for await (const _ of uploads().watchUpload(watched, as("alice"))) {
          await setGrants(without("alice"));
          // News, so that the next message comes before the next sign of life.
          await uploads().abortUpload({ ...watched, requestId: randomUUID() }, as("wren"));
        }
      });
      expect(told).to.include({ reason: "NAMESPACE_NOT_FOUND" });
      await setGrants(STANDING);
      await rest("owner", "default/files/own/large", { method: "PUT", body: Buffer.alloc(16 * 2 ** 20) });
      const read = await toldBy(async () => {
        for await (const { message } of files().readFile({ namespace: "default", path: "own/large" }, as("alice")))
          if (message.case === "header") await setGrants(without("alice"));
      });
      expect(read).to.include({ reason: "NAMESPACE_NOT_FOUND" });
    });

    it("holds in another process", async () => {
      const replica = await service.startReplica();
      const isRefused = async () => {
        const answer = await callRest(`${replica.url}/v1/namespaces/default/files/own/a`, { token: "alice" });
        return answer.status === 404;
      };
      expect(await isRefused()).to.equal(false);
      await setGrants(without("alice"));
      await until("the replica refuses her", isRefused);
    });
  });
});
