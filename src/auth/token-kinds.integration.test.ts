import { randomUUID } from "node:crypto";
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import openapi from "../../gen/openapi.json" with { type: "json" };
import { AuditService } from "../../gen/sluice/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../gen/sluice/v1/configuration_service_pb.ts";
import { EventService } from "../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { JobService } from "../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService, Role } from "../../gen/sluice/v1/namespace_service_pb.ts";
import { PrivacyService } from "../../gen/sluice/v1/privacy_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { createIamTokenSource } from "../client/iam-token.ts";
import { type DevStsServer, startDevSts } from "../devstack/sts-server.ts";
import type { TokenKind } from "../domain/caller.ts";
import { TEST_TOKEN_KEYS } from "../testing/rigs/callers/authenticate-upload-tokens.ts";
import { type OidcIssuer, startOidcIssuer } from "../testing/rigs/callers/oidc-issuer.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../testing/rigs/service/running-service.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../testing/samples/sample-sts-identities.ts";

/** Every kind of text that the service gives out or takes as a proof of something. */
type Kind = TokenKind | "link" | "page";

/** What a service with all kinds at work has: the texts are made by it, or for it. */
interface Given {
  service: RunningService;
  issuer: OidcIssuer;
  sts: DevStsServer;
  transport: Transport;
}

const asDeveloper = { headers: { authorization: `Bearer ${SERVICE_TOKEN}` } };

/** How a valid text of each kind is got. A kind of token that has no entry here does not compile. */
const KINDS: Readonly<Record<Kind, (given: Given) => Promise<string>>> = {
  dev: async () => SERVICE_TOKEN,
  oidc: ({ issuer }) => issuer.sign({}),
  iam: async ({ sts }) => {
    const { sessionToken = "", ...keys } = SAMPLE_ROLE;
    const credentials = async () => ({ ...keys, sessionToken });
    const where = { serverId: "files.example.org", region: "eu-central-1", endpoint: sts.url };
    return await createIamTokenSource({ ...where, credentials })({ refused: undefined });
  },
  upload: async ({ transport }) => {
    const place = { case: "prefix", value: "own/" } as const;
    const request = { namespace: "default", place, uploadsMax: 100 };
    return (await createClient(UploadService, transport).createUploadToken(request, asDeveloper)).token;
  },
  link: async ({ transport }) => {
    const request = { requestId: randomUUID(), namespace: "default", path: "own/a" };
    const { url } = await createClient(FileCommandService, transport).createLink(request, asDeveloper);
    return url.slice(url.lastIndexOf("/") + 1);
  },
  page: async ({ transport }) => {
    const request = { namespace: "default", pageSize: 1 };
    return (await createClient(FileQueryService, transport).listFiles(request, asDeveloper)).nextPageToken;
  },
};
const ALL_KINDS = Object.keys(KINDS) as Kind[];
const CALLERS: readonly Kind[] = ["dev", "oidc", "iam"];
const UPLOADERS: readonly Kind[] = [...CALLERS, "upload"];

/**
 * Which kinds pass as the token of a call, written by hand and not derived from the code. REST calls these methods under their
 * names, and has more of its own.
 */
const BEARERS: Readonly<Record<string, readonly Kind[]>> = {
  ...toTable(
    UPLOADERS,
    `CreateUpload WriteUpload WritePart SignParts CompleteUpload AbortUpload GetUpload WatchUpload`,
  ),
  ...toTable(
    CALLERS,
    `CreateUploadToken GetFile ReadFile ListFiles SearchFiles ListGenerations ListLinks CreateDownloadUrl UpdateFile
    DeleteFile UndeleteFile PurgeFile PurgeFiles MoveFile CopyFile RestoreGeneration CreateLink RevokeLink
    CreateNamespace GetNamespace ListNamespaces UpdateNamespace DeleteNamespace GetUsage GetResidencyReport GetGrants
    SetGrants ListEvents WatchEvents CreateSubscription GetSubscription ListSubscriptions UpdateSubscription
    DeleteSubscription RedeliverEvents ListAuditEntries GetInclusionProof ExportAudit ExportDataSubject EraseDataSubject
    ListJobs StartPurge StartCopy StartAuditExport GetOperation ListOperations WaitOperation CancelOperation
    GenerateConfiguration ServerReflectionInfo`,
  ),
  // These need no token, and judge none.
  ...toTable(ALL_KINDS, "Check List Watch"),
};
const REST_ALONE: Readonly<Record<string, readonly Kind[]>> = {
  ...toTable(UPLOADERS, "PutFile PutPart"),
  ...toTable(ALL_KINDS, "Livez Readyz"),
};
/** Which kinds pass as the token of a page: that of one list is worth nothing in another. */
const PAGES: Readonly<Record<string, readonly Kind[]>> = {
  ListFiles: ["page"],
  ...toTable(
    [],
    `SearchFiles ListGenerations ListLinks ListNamespaces PurgeFiles GetResidencyReport ListAuditEntries ExportDataSubject
    ListJobs ListOperations`,
  ),
};

const SERVICES: readonly DescService[] = [
  ...[UploadService, FileQueryService, FileCommandService, NamespaceService, EventService, AuditService],
  ...[PrivacyService, JobService, ConfigurationService, Health, ServerReflection, ServerReflectionAlpha],
];
const METHODS: readonly DescMethod[] = SERVICES.flatMap(({ methods }) => methods);
/** Operations of the OpenAPI document, which the routes of REST are compared with elsewhere. */
const OPERATIONS = Object.entries(openapi.paths).flatMap(([path, operations]) =>
  Object.entries(operations as Record<string, { operationId?: string }>).flatMap(([verb, { operationId: name }]) =>
    name === undefined ? [] : [{ path, verb, name }],
  ),
);

describe("every kind of token at every endpoint", () => {
  let given: Given;
  let uploadId: string;
  const tokens = new Map<Kind, string>();
  const tokenOf = (kind: Kind) => tokens.get(kind) ?? "";

  before(async () => {
    const [issuer, sts] = [await startOidcIssuer(), await startDevSts()];
    sts.identities.set(SAMPLE_ROLE.accessKeyId, SAMPLE_ROLE);
    const role = `iam:${SAMPLE_ROLE.arn.replace(/\/[^/]*$/, "")}`;
    const issuers = [{ alias: "test", issuer: issuer.url, audiences: ["sluice"] }];
    const service = await startService({
      settings: {
        SLUICE_AUTH: "oidc,iam,dev",
        ...{ SLUICE_IAM_ACCOUNTS: SAMPLE_ACCOUNT, SLUICE_IAM_SERVER_ID: "files.example.org" },
        AWS_ENDPOINT_URL_STS: sts.url,
        SLUICE_OIDC_ISSUERS: JSON.stringify(issuers),
        SLUICE_ADMINS: `test:anna,${role}`,
        SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS),
      },
    });
    given = { service, issuer, sts, transport: createGrpcTransport({ baseUrl: service.url }) };
    const roles = [Role.READER, Role.WRITER, Role.DELETER, Role.AUDITOR, Role.ADMIN];
    const grants = ["test:anna", role].map((value) => ({ member: { case: "principal" as const, value }, roles }));
    await createClient(NamespaceService, given.transport).setGrants({ namespace: "default", grants }, asDeveloper);
    for (const path of ["own/a", "own/b"]) {
      const url = `${service.url}/v1/namespaces/default/files/${path}`;
      await callRest(url, { token: SERVICE_TOKEN, method: "PUT", body: path });
    }
  });
  beforeEach(async () => {
    for (const kind of ALL_KINDS) tokens.set(kind, await KINDS[kind](given));
    // The upload token may see the uploads that it created, and everybody else here may see them as well.
    const { upload } = await createClient(UploadService, given.transport).createUpload(
      { requestId: randomUUID(), namespace: "default", path: "own/u", sizeBytes: 10n },
      { headers: { authorization: `Bearer ${tokenOf("upload")}` } },
    );
    uploadId = upload?.uploadId ?? "";
  });
  after(async () => {
    await given?.service.stop();
    await given?.issuer.close();
    await given?.sts.close();
  });

  it("has every method, operation and token of a page in the tables of this test", () => {
    expect(Object.keys(BEARERS)).to.have.members([...new Set(METHODS.map(({ name }) => name))]);
    expect(["OpenLink", ...Object.keys(REST_ALONE)]).to.have.members(
      OPERATIONS.map(({ name }) => name).filter((name) => BEARERS[name] === undefined),
    );
    const paged = METHODS.filter(({ input }) => input.fields.some(({ name }) => name === "page_token"));
    expect(Object.keys(PAGES)).to.have.members(paged.map(({ name }) => name));
    for (const kind of ALL_KINDS) expect(tokenOf(kind), kind).to.match(/^\S{8,}$/);
  });

  it("passes where it is meant to, as the token of a call of gRPC", async () => {
    const wrong: string[] = [];
    for (const method of METHODS)
      for (const kind of ALL_KINDS) {
        const expected = expectedOf(kind, BEARERS[method.name] ?? []);
        const outcome = await callMethod(method, tokenOf(kind));
        if (outcome !== expected)
          wrong.push(`${method.parent.typeName}/${method.name} by ${kind}: ${outcome}, not ${expected}`);
      }
    expect(wrong).to.deep.equal([]);
  });

  it("passes where it is meant to, as the token of a call of REST", async () => {
    const wrong: string[] = [];
    for (const { path, verb, name } of OPERATIONS.filter((one) => one.name !== "OpenLink"))
      for (const kind of ALL_KINDS) {
        const expected = expectedOf(kind, BEARERS[name] ?? REST_ALONE[name] ?? []);
        const outcome = await callOperation(path, verb, tokenOf(kind));
        if (outcome !== expected) wrong.push(`${verb} ${path} by ${kind}: ${outcome}, not ${expected}`);
      }
    expect(wrong).to.deep.equal([]);
  });

  it("opens a link where it is one, and nothing else does", async () => {
    for (const kind of ALL_KINDS) {
      const { status } = await callRest(`${given.service.url}/l/${encodeURIComponent(tokenOf(kind))}`);
      expect(status, kind).to.equal(kind === "link" ? 302 : 404);
    }
  });

  it("goes on in the list that it is of, and nothing else does", async () => {
    const wrong: string[] = [];
    for (const method of METHODS.filter(({ name }) => PAGES[name] !== undefined))
      for (const kind of ALL_KINDS) {
        const isFiltered = method.name === "SearchFiles" || method.name === "PurgeFiles";
        const more = { requestId: randomUUID(), dryRun: true, ...(isFiltered && { filter: "size_bytes > 0" }) };
        const outcome = await callMethod(method, SERVICE_TOKEN, { ...more, pageToken: tokenOf(kind) });
        const passes = PAGES[method.name]?.includes(kind) ?? false;
        if (outcome !== (passes ? "passes" : "PAGE_TOKEN_INVALID"))
          wrong.push(`${method.name} from ${kind}: ${outcome}`);
      }
    expect(wrong).to.deep.equal([]);
  });

  function expectedOf(kind: Kind, passing: readonly Kind[]): string {
    if (passing.includes(kind)) return "passes";
    return kind === "upload" ? "PERMISSION_DENIED" : "UNAUTHENTICATED";
  }

  /** Whether a method lets a token in. What it then says of a request that is not whole is the method's own affair. */
  async function callMethod(method: DescMethod, token: string, more: object = {}): Promise<string> {
    const ending = new AbortController();
    const message = fill(method.input, more);
    try {
      const headers = { authorization: `Bearer ${token}` };
      const { transport } = given;
      if (method.methodKind === "unary")
        await transport.unary(method as never, undefined, 10_000, headers, message as never);
      else {
        const answer = await transport.stream(method as never, ending.signal, 10_000, headers, once(message) as never);
        for await (const _ of answer.message) break;
      }
      return "passes";
    } catch (error) {
      const { code, reason } = toRefusal(error);
      if (code === Code.Unauthenticated) return "UNAUTHENTICATED";
      return code === Code.PermissionDenied || reason === "PAGE_TOKEN_INVALID" ? reason : "passes";
    } finally {
      ending.abort();
    }
  }

  async function callOperation(path: string, verb: string, token: string): Promise<string> {
    const values: Readonly<Record<string, string>> = {
      ...{ namespace: "default", name: "default", path: "own/a", upload_id: uploadId, link_id: randomUUID() },
      ...{ subscription_id: randomUUID(), operation_id: randomUUID(), part_number: "1", entry: "1" },
    };
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? expect.fail(`no value for ${name}`));
    const ending = new AbortController();
    const takesBody = verb !== "get" && verb !== "delete";
    const answer = await fetch(`${given.service.url}${url}`, {
      method: verb.toUpperCase(),
      headers: { authorization: `Bearer ${token}`, ...(takesBody && { "content-type": "application/json" }) },
      signal: ending.signal,
      redirect: "manual",
      ...(takesBody && { body: JSON.stringify(toBody(path)) }),
    });
    ending.abort();
    await answer.body?.cancel().catch(() => {});
    if (answer.status === 401) return "UNAUTHENTICATED";
    return answer.status === 403 ? "PERMISSION_DENIED" : "passes";
  }

  /** A request that names what there is, and is refused before it changes anything: it has no request id, and an old etag. */
  function fill(type: DescMessage, more: object): Message {
    const named = {
      namespace: "default",
      path: "own/a",
      targetPath: "own/z",
      uploadId,
      linkId: randomUUID(),
      etag: "0",
    };
    const values: Record<string, unknown> = { ...named, ...more };
    const has = (field: DescField) => field.fieldKind === "scalar" && values[field.localName] !== undefined;
    const known = Object.fromEntries(type.fields.filter(has).map(({ localName: name }) => [name, values[name]]));
    const filled: Readonly<Record<string, object>> = {
      WriteUploadRequest: start({ case: "upload", value: { namespace: "default", uploadId } }),
      UpdateFileRequest: { file: { namespace: "default", path: "own/a", etag: "0" } },
      UpdateNamespaceRequest: { namespace: { name: "default", etag: "0" } },
      CreateNamespaceRequest: { namespace: { name: "-" } },
      CreateUploadTokenRequest: { namespace: "default", place: { case: "prefix", value: "own/" } },
      ServerReflectionRequest: { messageRequest: { case: "listServices", value: "" } },
    };
    const plain = type.fields.some(({ oneof }) => oneof !== undefined && oneof.name !== "expiration") ? {} : known;
    return create(type, (filled[type.name] ?? { ...plain }) as never) as Message;
  }
});

/** A body that changes no namespace and no grant, because its etag is an old one, and that names what an upload token asks for. */
function toBody(path: string): object {
  if (path.endsWith("/uploads")) return { path: "own/a" };
  if (path.endsWith("/grants") || path.endsWith("/{name}")) return { etag: "0" };
  return path.endsWith("/uploadTokens") ? { prefix: "own/" } : {};
}

function start(target: object): object {
  return { message: { case: "start", value: { target } } };
}

async function* once(message: Message): AsyncGenerator<Message> {
  yield message;
}

function toRefusal(error: unknown): { code: Code; reason: string } {
  if (!(error instanceof ConnectError)) throw error;
  return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason ?? "" };
}

/** The same kinds for each of the methods, whose names stand in one text. */
function toTable(kinds: readonly Kind[], methods: string): Record<string, readonly Kind[]> {
  return Object.fromEntries(methods.split(/\s+/).map((name) => [name, kinds]));
}
