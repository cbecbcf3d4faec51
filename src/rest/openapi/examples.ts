import type { JsonObject } from "@bufbuild/protobuf";

/** Values for a call of an operation, so that a reader can send it as it is. */
export interface OperationExample {
  /** Values of parameters, by their names. A parameter without one is left out, or comes from a link. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
}

const NAMESPACE = { namespace: "default" } as const;
const FILE = { ...NAMESPACE, path: "docs/hello.txt" } as const;
/** The file's bytes, in ASCII, and their length and checksum. */
export const EXAMPLE_TEXT = "Hello, Sluice.";
const PROVEN = { crc32: 4_002_716_750 } as const;

/**
 * An example for each operation, by its id. Each succeeds once PutFile's example has been sent, or CreateUpload's for operations
 * on an upload. A file is deleted before it is restored or purged. Values that are generated from a schema alone rarely succeed.
 */
export const EXAMPLES: Readonly<Record<string, OperationExample>> = {
  PutFile: { parameters: FILE },
  GetFile: { parameters: FILE },
  ListFiles: { parameters: { ...NAMESPACE, prefix: "docs/" } },
  SearchFiles: { parameters: { ...NAMESPACE, query: "hello" } },
  ListGenerations: { parameters: FILE },
  ReadFile: { parameters: FILE },
  UpdateFile: { parameters: { ...FILE, updateMask: "labels.team" }, body: { labels: { team: "legal" } } },
  DeleteFile: { parameters: FILE },
  UndeleteFile: { parameters: FILE, body: {} },
  RestoreGeneration: { parameters: FILE, body: { generation: "1" } },
  PurgeFile: { parameters: FILE, body: {} },
  PurgeFiles: { parameters: NAMESPACE, body: { filter: 'labels.team = "legal"', dryRun: true } },
  MoveFile: { parameters: FILE, body: { targetPath: "docs/moved.txt" } },
  CopyFile: { parameters: FILE, body: { targetPath: "docs/copy.txt" } },
  CreateDownloadUrl: { parameters: FILE, body: { lifetime: "60s" } },
  CreateLink: { parameters: NAMESPACE, body: { path: FILE.path, lifetime: "3600s", maxUses: 10 } },
  GetInclusionProof: { parameters: { ...NAMESPACE, entry: "1" } },
  ListAuditEntries: { parameters: { ...NAMESPACE, filter: 'action = "DeleteFile"' } },
  ExportAudit: { parameters: { ...NAMESPACE, filter: 'action = "DeleteFile"' } },
  ExportDataSubject: { parameters: NAMESPACE, body: { dataSubject: "person-7" } },
  EraseDataSubject: { parameters: NAMESPACE, body: { dataSubject: "person-7" } },
  StartPurge: { parameters: NAMESPACE, body: { filter: 'path = "drafts/*"' } },
  StartCopy: { parameters: NAMESPACE, body: { path: FILE.path, targetPath: "docs/copied.txt" } },
  StartAuditExport: { parameters: NAMESPACE, body: { filter: 'action = "DeleteFile"' } },
  GetOperation: { parameters: NAMESPACE },
  ListOperations: { parameters: NAMESPACE },
  WaitOperation: { parameters: NAMESPACE, body: { timeout: "1s" } },
  CancelOperation: { parameters: NAMESPACE, body: {} },
  ListJobs: { parameters: { pageSize: "10" } },
  ListLinks: { parameters: { ...NAMESPACE, path: FILE.path } },
  RevokeLink: { parameters: NAMESPACE },
  CreateUpload: {
    parameters: NAMESPACE,
    body: { path: "docs/upload.txt", contentType: "text/plain", sizeBytes: String(EXAMPLE_TEXT.length) },
  },
  GetUpload: { parameters: NAMESPACE },
  WatchUpload: { parameters: NAMESPACE },
  WritePart: { parameters: NAMESPACE, body: { partNumber: 1, data: btoa(EXAMPLE_TEXT), ...PROVEN } },
  PutPart: { parameters: { ...NAMESPACE, part_number: "1" } },
  CreateUploadToken: {
    parameters: NAMESPACE,
    body: { prefix: "inbox/", sizeMaxBytes: "10485760", uploadsMax: 3, onlyNewFiles: true, lifetime: "600s" },
  },
  SignParts: {
    parameters: NAMESPACE,
    body: { parts: [{ partNumber: 1, sizeBytes: String(EXAMPLE_TEXT.length), ...PROVEN }] },
  },
  CompleteUpload: { parameters: NAMESPACE, body: {} },
  AbortUpload: { parameters: NAMESPACE, body: {} },
  ListEvents: { parameters: NAMESPACE },
  WatchEvents: { parameters: NAMESPACE },
  CreateSubscription: {
    parameters: NAMESPACE,
    body: { webhookUrl: "https://example.org/events", types: ["sluice.file.committed.v1"], pathPrefix: "docs/" },
  },
  GetSubscription: { parameters: NAMESPACE },
  ListSubscriptions: { parameters: NAMESPACE },
  UpdateSubscription: { parameters: NAMESPACE, body: { state: "SUBSCRIPTION_STATE_PAUSED" } },
  RedeliverEvents: { parameters: NAMESPACE, body: { deadLetters: true } },
  DeleteSubscription: { parameters: NAMESPACE },
  CreateNamespace: { body: { name: "legal", bucket: "my-legal-files", region: "eu-central-1" } },
  GetNamespace: { parameters: NAMESPACE },
  ListNamespaces: {},
  UpdateNamespace: { parameters: { name: "default", updateMask: "retention" }, body: { retention: "2592000s" } },
  DeleteNamespace: { parameters: { namespace: "legal" } },
  GetUsage: { parameters: NAMESPACE },
  GetResidencyReport: { parameters: { pageSize: "10" } },
  GetGrants: { parameters: NAMESPACE },
  SetGrants: {
    parameters: NAMESPACE,
    body: {
      grants: [
        { group: "entra:finance", roles: ["ROLE_READER", "ROLE_WRITER"], prefixes: ["docs/"] },
        { principal: "github:repo:acme/tools", roles: ["ROLE_ADMIN"] },
      ],
    },
  },
  GenerateConfiguration: {
    body: { settings: 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n', services: ["athena"] },
  },
};

/** Sources of the ids in other operations' paths: parameters, by the operation that answers them (OpenAPI links). */
const LINKS: Readonly<Record<string, { parameter: string; value: string; operations: readonly string[] }>> = {
  CreateUpload: {
    parameter: "upload_id",
    value: "$response.body#/upload/uploadId",
    operations: ["GetUpload", "WatchUpload", "WritePart", "PutPart", "SignParts", "CompleteUpload", "AbortUpload"],
  },
  CreateLink: { parameter: "link_id", value: "$response.body#/link/linkId", operations: ["RevokeLink"] },
  StartPurge: {
    parameter: "operation_id",
    value: "$response.body#/operation/metadata/operationId",
    operations: ["GetOperation", "WaitOperation", "CancelOperation"],
  },
  CreateSubscription: {
    parameter: "subscription_id",
    value: "$response.body#/subscription/subscriptionId",
    operations: ["GetSubscription", "UpdateSubscription", "RedeliverEvents", "DeleteSubscription"],
  },
};

/** Adds the operation's example to its parameters and its body, and its links to the answer that has the ids. */
export function addExample(operation: JsonObject): void {
  const {
    operationId,
    parameters = [],
    requestBody,
    responses,
  } = operation as unknown as {
    operationId: string;
    parameters?: JsonObject[];
    requestBody?: { content: Record<string, JsonObject> };
    responses: Record<string, JsonObject>;
  };
  const example = EXAMPLES[operationId];
  for (const parameter of parameters) {
    const value = example?.parameters?.[String(parameter.name)];
    if (value !== undefined) parameter.example = value;
  }
  const json = requestBody?.content["application/json"];
  if (json !== undefined && example?.body !== undefined) json.example = example.body;
  const links = LINKS[operationId];
  const answer = responses[200];
  if (links === undefined || answer === undefined) return;
  answer.links = Object.fromEntries(
    links.operations.map((to) => [to, { operationId: to, parameters: { [links.parameter]: links.value } }]),
  );
}
