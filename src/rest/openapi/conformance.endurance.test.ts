import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { type Stack, startStack } from "../../devstack/stack.ts";
import { createStackSecrets } from "../../devstack/stack-secrets.ts";
import { PLAIN_ENVIRONMENT } from "../../testing/rigs/service/plain-environment.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import {
  findSchemathesis,
  type Schemathesis,
  type SchemathesisOptions,
} from "../../testing/rigs/tools/schemathesis.ts";
import { until } from "../../testing/rigs/until.ts";

const document = fileURLToPath(new URL("../../../gen/openapi.json", import.meta.url));
const NAMES = { namespace: "default", path: "schemathesis/a.txt" };

describe("Schemathesis over the service and its OpenAPI document", () => {
  let schemathesis: Schemathesis;
  let directory: string;
  let stack: Stack;
  const defects: string[] = [];

  before(async function () {
    const found = await findSchemathesis();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    schemathesis = found;
    directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"));
    const onLine = (process: string, line: string) => {
      // Level 50 of the log is an error: a defect of the service.
      if (process === "service" && line.startsWith('{"level":50')) defects.push(line);
    };
    const secrets = createStackSecrets();
    stack = await startStack({ directory, ...secrets, durable: false, environment: PLAIN_ENVIRONMENT, onLine });
  });
  // A suite that skipped itself has neither.
  after(async () => {
    await stack?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const run = async (options: Omit<SchemathesisOptions, "url" | "token">) => {
    const { url, token } = stack;
    expect(await schemathesis.run(document, { url, token, ...options })).to.equal("");
    expect(defects).to.deep.equal([]);
    expect((await callRest(`${url}/readyz`)).status).to.equal(200);
  };

  it("finds no defect and no answer that is not in the document, on a file that is there", async () => {
    const put = `${stack.url}/v1/namespaces/${NAMES.namespace}/files/${NAMES.path}`;
    // Workers become ready one by one.
    await until("the file is there", async () => {
      return (await callRest(put, { method: "PUT", token: stack.token, body: "bytes" })).status < 300;
    });
    await run({ phases: ["coverage", "fuzzing"], examplesMax: 10, parameters: NAMES });
  });

  it("finds none with names that are made up", async () => {
    await run({ phases: ["fuzzing"], examplesMax: 10 });
  });
});
