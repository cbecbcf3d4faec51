import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { AuditService } from "../../../gen/sluice/v1/audit_service_pb.ts";
import { NamespaceService, Role } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { createSluiceClient } from "../../client/client.ts";
import { authenticateCallers } from "../../testing/rigs/callers/authenticate-callers.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

describe("AuditService", () => {
  let service: RunningService;
  let transport: ReturnType<typeof createGrpcTransport>;
  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
  const audit = () => createClient(AuditService, transport);
  const rest = (name: string, route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${service.url}/v1/namespaces/default/${route}`, { token: name, ...init });
  const list = async (name: string, filter = "", page: { pageSize?: number; pageToken?: string } = {}) =>
    await audit().listAuditEntries({ namespace: "default", filter, ...page }, as(name));

  before(async () => {
    service = await startService({ authenticate: authenticateCallers, settings: { SLUICE_ADMINS: "acme:root" } });
    transport = createGrpcTransport({ baseUrl: service.url });
    const grants = [
      { name: "owner", roles: [Role.READER, Role.WRITER, Role.DELETER] },
      { name: "audrey", roles: [Role.AUDITOR] },
      { name: "part", roles: [Role.AUDITOR], prefixes: ["own/"] },
    ].map(({ name, roles, prefixes = [] }) => ({
      member: { case: "principal" as const, value: `acme:${name}` },
      roles,
      prefixes,
    }));
    await createClient(NamespaceService, transport).setGrants({ namespace: "default", grants }, as("root"));
    for (const path of ["own/a", "other/b"])
      expect((await rest("owner", `files/${path}`, { method: "PUT", body: "x" })).status).to.equal(201);
    await rest("owner", "files/own/a", { method: "PATCH", json: { labels: { team: "tax" } } });
    await rest("owner", "files/own/a:move", { method: "POST", json: { targetPath: "own/c" } });
    await rest("owner", "files/other/b", { method: "DELETE" });
    await until("the last entry has its number", async () => {
      const { entries } = await list("audrey", 'action = "DeleteFile"');
      return entries.length > 0;
    });
  });
  after(() => service?.stop());

  it("shows an auditor what was done, the newest first, page by page", async () => {
    const shown: string[] = [];
    let pageToken = "";
    do {
      const page = await list("audrey", "", { pageSize: 2, pageToken });
      expect(page.entries.length).to.be.at.most(2);
      shown.push(...page.entries.map(({ action, path }) => `${action} ${path}`));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const changes = [
      "CreateUpload",
      "CommitUpload",
      "UpdateFile",
      "MoveFile",
      "DeleteFile",
      "SetGrants",
      "CreateNamespace",
    ];
    expect(shown.filter((one) => changes.includes(one.split(" ")[0] as string))).to.deep.equal([
      "DeleteFile other/b",
      "MoveFile own/c",
      "UpdateFile own/a",
      ...["CommitUpload other/b", "CreateUpload other/b", "CommitUpload own/a", "CreateUpload own/a"],
      ...["SetGrants ", "CreateNamespace "],
    ]);
  });

  it("says who did it, from where, and what it changed", async () => {
    const { entries } = await list("audrey", 'action = "UpdateFile"');
    expect(entries).to.have.length(1);
    const [entry] = entries;
    expect(entry).to.deep.include({
      ...{ actor: "acme:owner", address: "127.0.0.1", tokenKind: "oidc", outcome: "done", resourceKind: "file" },
      ...{ path: "own/a", generation: 1n, times: 1n, erased: false },
      ...{ before: { labels: {} }, after: { labels: { team: "tax" } } },
    });
    expect(entry?.requestId).to.match(/^[0-9a-f-]{36}$/);
  });

  it("says when the first of several reads was, and how many those were", async () => {
    const readAfter = fromNow(-3_600_000);
    for (const _ of [1, 2, 3]) await rest("owner", "files/own/c");
    const filter = `action = "GetFile" AND first_time >= "${readAfter.toISOString()}" AND path = "own/c"`;
    let read: Awaited<ReturnType<typeof list>>["entries"] = [];
    await until("the reads are entered", async () => {
      ({ entries: read } = await list("audrey", filter));
      return read.length > 0;
    });
    const [{ times, time, firstTime } = { times: 0n }] = read;
    expect(times).to.equal(3n);
    const firstAt = timestampDate(firstTime as Timestamp).getTime();
    expect(firstAt).to.be.at.most(timestampDate(time as Timestamp).getTime());
    for (const { firstTime: ofChange } of (await list("audrey", 'action = "UpdateFile"')).entries)
      expect(ofChange).to.equal(undefined);
  });

  it("filters by each field", async () => {
    const counts: [string, number][] = [
      ['actor = "acme:owner" AND action = "CommitUpload"', 2],
      ['path = "own/*" AND action = "CommitUpload"', 1],
      ['action = "CommitUpload" AND NOT path = "own/*"', 1],
      ['source_path = "own/a"', 1],
      ['resource_kind = "namespace" AND token_kind = "oidc" AND action = "SetGrants"', 1],
      ["action = DeleteFile AND sequence > 1 AND generation = 1 AND times = 1", 1],
      ['action = "MoveFile" AND time > "2020-01-01T00:00:00Z"', 1],
      ['action = "MoveFile" AND time < "2020-01-01T00:00:00Z"', 0],
      ["token_id:*", 0],
    ];
    for (const [filter, count] of counts) expect((await list("audrey", filter)).entries, filter).to.have.length(count);
    for (const filter of ["owner", 'before.labels = "x"', "size_bytes > 1", "action ~ 1"]) {
      const refused = (await catchError(() => list("audrey", filter))) as ConnectError;
      expect(refused.findDetails(ErrorInfoSchema)[0]?.reason, filter).to.equal("FILTER_INVALID");
    }
  });

  it("shows an auditor of a prefix the paths below it alone, also where a file came from", async () => {
    const { entries } = await list("part");
    expect(entries.map(({ path }) => path).filter((path) => !path.startsWith("own/"))).to.deep.equal([]);
    expect(entries.map(({ action }) => action)).to.include.members(["MoveFile", "UpdateFile", "CommitUpload"]);
  });

  it("is for auditors alone, and hides the namespace from strangers", async () => {
    const reasonOf = async (name: string) => {
      const refused = ConnectError.from(await catchError(() => list(name)));
      return refused.findDetails(ErrorInfoSchema)[0]?.reason;
    };
    expect(await reasonOf("owner")).to.equal("PERMISSION_DENIED");
    expect(await reasonOf("stranger")).to.equal("NAMESPACE_NOT_FOUND");
  });

  it("refuses the page token of another list", async () => {
    const { nextPageToken } = await list("audrey", "", { pageSize: 1 });
    for (const pageToken of [nextPageToken, "garbage", "WyJ4Iiwid29yZCJd"]) {
      const refused = ConnectError.from(await catchError(() => list("audrey", "sequence > 0", { pageToken })));
      expect(refused.findDetails(ErrorInfoSchema)[0]?.reason).to.equal("PAGE_TOKEN_INVALID");
    }
  });

  it("answers over REST and by the client", async () => {
    const filter = encodeURIComponent('action = "DeleteFile"');
    const { status, body } = await rest("audrey", `auditEntries?filter=${filter}`);
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(body.entries[0]).to.include({ action: "DeleteFile", path: "other/b", actor: "acme:owner" });
    const client = createSluiceClient({ url: service.url, token: "audrey" });
    const paths: string[] = [];
    for await (const { path } of client.allAuditEntries({ filter: 'action = "MoveFile"' })) paths.push(path);
    expect(paths).to.deep.equal(["own/c"]);
    client.close();
  });

  it("shows an auditor of a prefix nothing of the other place of a move, and finds no entry by it", async () => {
    await rest("owner", "files/own/out", { method: "PUT", body: "x" });
    await rest("owner", "files/own/out:move", { method: "POST", json: { targetPath: "other/secret" } });
    await rest("owner", "files/other/secret:move", { method: "POST", json: { targetPath: "own/in" } });
    const moved = 'action = "MoveFile" AND (path = "own/in" OR source_path = "own/out")';
    await until("both moves have numbers", async () => (await list("audrey", moved)).entries.length === 2);
    const placesOf = async (name: string) =>
      (await list(name, moved)).entries.map(({ path, sourcePath }) => [path, sourcePath]);
    expect(await placesOf("audrey")).to.deep.equal([
      ["own/in", "other/secret"],
      ["other/secret", "own/out"],
    ]);
    expect(await placesOf("part")).to.deep.equal([
      ["own/in", ""],
      ["", "own/out"],
    ]);
    const guessed = 'path = "other/secret" OR source_path = "other/secret"';
    expect((await list("part", guessed)).entries).to.deep.equal([]);
  });
});
