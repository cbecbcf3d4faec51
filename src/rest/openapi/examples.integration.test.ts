import { expect } from "chai";
import { createNoteKey } from "../../domain/log/signed-note.ts";
import { TEST_TOKEN_KEYS } from "../../testing/rigs/callers/authenticate-upload-tokens.ts";
import { callRest, type RestAnswer } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  example?: string;
  schema?: { default?: unknown };
}

interface Operation {
  operationId: string;
  method: string;
  path: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, { links?: Record<string, { operationId: string; parameters: Record<string, string> }> }>;
  security?: unknown[];
}

/** The operations that must come before an operation. Without an entry it is PutFile, which makes the file. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  PutFile: [],
  UndeleteFile: ["PutFile", "DeleteFile"],
  RestoreGeneration: ["PutFile", "PutFile"],
  PurgeFile: ["PutFile", "DeleteFile"],
  RevokeLink: ["PutFile", "CreateLink"],
  CreateUpload: [],
  ...Object.fromEntries(
    ["GetSubscription", "UpdateSubscription", "RedeliverEvents", "DeleteSubscription"].map((one) => [
      one,
      ["CreateSubscription"],
    ]),
  ),
  ...Object.fromEntries(["GetOperation", "WaitOperation", "CancelOperation"].map((one) => [one, ["StartPurge"]])),
  // The document has CreateNamespace before it: the name of a deleted namespace is not used again.
  DeleteNamespace: ["CreateNamespace"],
  ...Object.fromEntries(
    ["GetUpload", "WritePart", "PutPart", "SignParts", "AbortUpload"].map((one) => [one, ["CreateUpload"]]),
  ),
  CompleteUpload: ["CreateUpload", "WritePart"],
  WatchUpload: ["CreateUpload", "WritePart", "CompleteUpload"],
};

/** The token of a link is only in the link's URL: a visitor has the URL. A watch of events has no end. */
const WITHOUT_EXAMPLE = ["OpenLink", "WatchEvents"];

describe("The examples of the OpenAPI document", () => {
  let service: RunningService;
  const operations = new Map<string, Operation>();

  before(async () => {
    const { signingKey } = createNoteKey("example.org/log");
    const auditLog = { SLUICE_AUDIT_BUCKET: "bucket/audit", SLUICE_AUDIT_KEYS: JSON.stringify([signingKey]) };
    service = await startService({ settings: { SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS), ...auditLog } });
    // The example of a proof is of the first entry.
    const proof = `${service.url}/v1/namespaces/default/auditEntries/1/inclusionProof`;
    await until(
      "the first entry is published",
      async () => (await callRest(proof, { token: SERVICE_TOKEN })).status === 200,
    );
    const { body } = await callRest(`${service.url}/openapi.json`);
    for (const [path, methods] of Object.entries<Record<string, Operation>>(body.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        operations.set(operation.operationId, { ...operation, method: method.toUpperCase(), path });
      }
    }
  });
  after(() => service?.stop());

  const operationOf = (operationId: string) => {
    const operation = operations.get(operationId);
    if (operation === undefined) throw new Error(`the document has no operation ${operationId}`);
    return operation;
  };

  /** Sends the request that a reader of the document would send, with ids from earlier answers. */
  async function send(operationId: string, known: ReadonlyMap<string, string>): Promise<RestAnswer> {
    const { method, path, parameters = [], requestBody } = operationOf(operationId);
    const query = new URLSearchParams();
    let url = path;
    for (const { name, in: where, required, example, schema } of parameters) {
      const value = example ?? known.get(name) ?? schema?.default;
      if (value === undefined && required) throw new Error(`${operationId} has neither example nor link for ${name}`);
      if (where === "path") url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
      else if (where === "query" && value !== undefined) query.set(name, String(value));
    }
    const [[contentType, { example }] = ["", { example: undefined }]] = Object.entries(requestBody?.content ?? {});
    const target = `${service.url}${url}${query.size === 0 ? "" : `?${query}`}`;
    const call = { method, token: SERVICE_TOKEN };
    if (requestBody === undefined) return await callRest(target, call);
    const body = typeof example === "string" ? example : JSON.stringify(example ?? "");
    // The bytes of a part come from a file that the reader chooses.
    const bytes = example === undefined ? "Hello, Sluice." : body;
    return await callRest(target, { ...call, body: bytes, headers: { "content-type": contentType } });
  }

  /** Reads "$response.body#/upload/uploadId". */
  function learn(operationId: string, answer: RestAnswer, known: Map<string, string>): void {
    for (const link of Object.values(operationOf(operationId).responses[200]?.links ?? {})) {
      for (const [name, expression] of Object.entries(link.parameters)) {
        const [, pointer = ""] = expression.split("#/");
        known.set(
          name,
          pointer.split("/").reduce((value, key) => value[key], answer.body),
        );
      }
    }
  }

  it("are there for every operation, and lead on to operations that are there", () => {
    for (const { operationId, requestBody, parameters = [], responses } of operations.values()) {
      if (WITHOUT_EXAMPLE.includes(operationId)) continue;
      const json = requestBody?.content["application/json"];
      if (json !== undefined) expect(json, operationId).to.have.property("example");
      const names = parameters.filter((one) => one.in === "path" && one.example === undefined).map(({ name }) => name);
      for (const name of names) {
        const sources = [...operations.values()].flatMap((one) => Object.values(one.responses[200]?.links ?? {}));
        const isLinked = sources.some((link) => link.operationId === operationId && name in link.parameters);
        expect(isLinked, `${operationId}: ${name}`).to.equal(true);
      }
      for (const link of Object.values(responses[200]?.links ?? {})) operationOf(link.operationId);
    }
  });

  it("all succeed as they stand", async () => {
    const failures: string[] = [];
    for (const operationId of operations.keys()) {
      if (WITHOUT_EXAMPLE.includes(operationId)) continue;
      const known = new Map<string, string>();
      for (const step of [...(BEFORE[operationId] ?? ["PutFile"]), operationId]) {
        const answer = await send(step, known);
        if (answer.status >= 400) failures.push(`${step} for ${operationId}: ${JSON.stringify(answer.body)}`);
        else learn(step, answer, known);
      }
    }
    expect(failures).to.deep.equal([]);
    expect(service.errorsLogged).to.deep.equal([]);
  });

  it("give the file back as text, and its bytes from where the document says", async () => {
    await send("PutFile", new Map());
    const { status, body } = await send("GetFile", new Map());
    expect([status, body.file.contentType]).to.deep.equal([200, "text/plain"]);
    for (const alt of ["?alt=media", "?alt=media&redirect=true&inline=true"]) {
      const url = `${service.url}/v1/namespaces/default/files/docs%2Fhello.txt${alt}`;
      expect((await callRest(url, { token: SERVICE_TOKEN })).status, alt).to.equal(302);
    }
  });
});
