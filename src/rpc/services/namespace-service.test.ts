import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { NamespaceService, Role } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import type { NamespaceRecord } from "../../domain/namespaces/namespace-repository.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { catchError, sampleNamespace } from "../../testing/samples/sample-records.ts";

const AUTHORIZED = { headers: { authorization: `Bearer ${API_TOKEN}` } };
const RECORD: NamespaceRecord = {
  ...sampleNamespace({ retentionMs: 86_400_500 }),
  grants: [{ member: { group: "entra:tax" }, roles: ["reader", "admin"], prefixes: ["a/"] }],
  version: 7,
  createTime: new Date("2026-01-02T03:04:05.678Z"),
  updateTime: new Date("2026-01-02T03:04:06.789Z"),
  deleteTime: undefined,
};

describe("NamespaceService", () => {
  let server: ApiServer;
  let requests: unknown[];
  const note = async (request: unknown) => {
    requests.push(request);
    return RECORD;
  };
  before(async () => {
    server = await openApiServer({
      namespaces: {
        createNamespace: note,
        getNamespace: note,
        updateNamespace: note,
        deleteNamespace: note,
        setGrants: note,
        getGrants: note,
      },
    });
  });
  after(() => server.close({ graceMs: 0 }));
  beforeEach(() => {
    requests = [];
  });
  const client = () => createClient(NamespaceService, createGrpcTransport({ baseUrl: server.url }));

  async function refusalOf(call: () => Promise<unknown>) {
    const error = await catchError(call);
    if (!(error instanceof ConnectError)) throw error ?? new Error("the call succeeded");
    const [field] = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
    return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason, field: field?.field };
  }

  const UNSTATED = {
    fileSizeMaxBytes: undefined,
    retentionMs: undefined,
    retainDefaultMs: undefined,
    downloadUrlLifetimeMaxMs: undefined,
    partUrlLifetimeMaxMs: undefined,
    linkLifetimeMaxMs: undefined,
    audit: undefined,
  };

  it("tells a stated 0 from a limit that is not stated", async () => {
    const where = { name: "legal", bucket: "files", region: "eu-central-1" };
    await client().createNamespace({ namespace: where }, AUTHORIZED);
    const stated = {
      ...where,
      keyPrefix: "",
      retainDefault: { seconds: 0n },
      retention: { seconds: 1n, nanos: 500_000 },
    };
    await client().createNamespace({ namespace: { ...stated, fileSizeMaxBytes: 5n } }, AUTHORIZED);
    expect(requests).to.deep.equal([
      { ...where, ...UNSTATED, keyPrefix: undefined, allowedRegions: [] },
      {
        ...where,
        ...UNSTATED,
        keyPrefix: "",
        allowedRegions: [],
        retainDefaultMs: 0,
        retentionMs: 1000.5,
        fileSizeMaxBytes: 5,
      },
    ]);
  });

  it("shows a namespace with all of its limits and without its grants", async () => {
    const { namespace } = await client().getNamespace({ namespace: "default" }, AUTHORIZED);
    expect(namespace).to.deep.include({
      name: "default",
      keyPrefix: "default/",
      allowedRegions: ["eu-central-1"],
      etag: "7",
    });
    expect(namespace?.retention).to.deep.include({ seconds: 86_400n, nanos: 500_000_000 });
    expect(namespace?.createTime).to.deep.include({ nanos: 678_000_000 });
    expect(namespace).not.to.have.property("grants");
  });

  it("carries grants there and back", async () => {
    const grants = [
      { member: { case: "group" as const, value: "entra:tax" }, roles: [Role.READER, Role.ADMIN], prefixes: ["a/"] },
      { member: { case: "principal" as const, value: "acme:bob" }, roles: [Role.WRITER, Role.DELETER, Role.AUDITOR] },
    ];
    const answer = await client().setGrants({ namespace: "default", grants, etag: "6" }, AUTHORIZED);
    expect(requests).to.deep.equal([
      {
        namespace: "default",
        etag: "6",
        grants: [
          { member: { group: "entra:tax" }, roles: ["reader", "admin"], prefixes: ["a/"] },
          { member: { principal: "acme:bob" }, roles: ["writer", "deleter", "auditor"], prefixes: [] },
        ],
      },
    ]);
    expect(answer.etag).to.equal("7");
    expect(answer.grants[0]).to.deep.include({ ...grants[0], roles: [Role.READER, Role.ADMIN] });
  });

  it("refuses grants without a member or with a role that is none", async () => {
    const member = { case: "group" as const, value: "entra:tax" };
    for (const grant of [
      { roles: [Role.READER] },
      { member, roles: [Role.UNSPECIFIED] },
      { member, roles: [99 as Role] },
    ]) {
      const refusal = await refusalOf(() => client().setGrants({ namespace: "default", grants: [grant] }, AUTHORIZED));
      expect(refusal).to.deep.equal({ code: Code.InvalidArgument, reason: "GRANT_INVALID", field: "grants" });
    }
    expect(requests).to.deep.equal([]);
  });

  it("refuses an etag of what does not exist yet, and sizes beyond what a number holds", async () => {
    for (const [namespace, field] of [
      [{ name: "a", etag: "7" }, "namespace.etag"],
      [{ name: "a", fileSizeMaxBytes: 2n ** 60n }, "file_size_max_bytes"],
    ] as const) {
      const refusal = await refusalOf(() => client().createNamespace({ namespace }, AUTHORIZED));
      expect(refusal).to.deep.equal({ code: Code.InvalidArgument, reason: "ARGUMENT_INVALID", field });
    }
  });

  it("takes one entity tag over HTTP, and refuses several, which no file could decide", async () => {
    const change = (method: string, path: string, tags: string, json: object) =>
      callRest(`${server.url}/v1/namespaces/${path}`, {
        method,
        token: API_TOKEN,
        json,
        headers: { "if-match": tags },
      });
    const patched = await change("PATCH", "default?updateMask=retention", '"7"', { retention: "86400s" });
    expect([patched.status, patched.headers.get("etag")]).to.deep.equal([200, '"7"']);
    expect((await change("PUT", "default/grants", '"7"', { grants: [] })).status).to.equal(200);
    expect(requests).to.have.lengthOf(2);
    for (const one of requests) expect(one).to.include({ namespace: "default", etag: "7" });
    for (const [method, path] of [
      ["PATCH", "default?updateMask=retention"],
      ["PUT", "default/grants"],
    ] as const) {
      const refused = await change(method, path, '"6", "7"', {});
      expect([refused.status, refused.body.reason]).to.deep.equal([400, "ARGUMENT_INVALID"]);
    }
  });
});
