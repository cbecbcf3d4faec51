import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Client } from "pg";
import { AuditService } from "../../../gen/sluice/v1/audit_service_pb.ts";
import { createSluiceClient } from "../../client/client.ts";
import { createNoteKey, type NoteVerifier, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { verifyLog } from "../../journal/log/verify-log.ts";
import { createLogStore } from "../../s3/log-store.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { createTestAccess } from "../../testing/rigs/storage/s3-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

const NAME = "example.org/log";

describe("the audit log of a service", () => {
  let service: RunningService;
  const key = createNoteKey(NAME);
  const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
  const rest = (route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${service.url}/v1/namespaces/default/${route}`, { token: SERVICE_TOKEN, ...init });
  const start = (settings: Record<string, string> = {}) => startService({ settings });
  const withLog = {
    SLUICE_AUDIT_BUCKET: "bucket/audit",
    SLUICE_AUDIT_KEYS: JSON.stringify([key.signingKey]),
    SLUICE_S3_KEY_PREFIX: "files/",
  };
  afterEach(() => service?.stop());
  const readyz = async () => {
    const answer = await fetch(`${service.url}/readyz`, { headers });
    return { status: answer.status, body: (await answer.json()) as { status: string; problems?: unknown[] } };
  };
  const isProven = async (entry: string) =>
    (await catchError(() =>
      createClient(AuditService, createGrpcTransport({ baseUrl: service.url })).getInclusionProof(
        { namespace: "default", entry },
        { headers },
      ),
    )) === undefined;

  it("proves an entry some seconds after its call, over every face, and to whoever has the key alone", async () => {
    service = await start(withLog);
    expect((await rest("files/a", { method: "PUT", body: "x" })).status).to.equal(201);
    await until("the entries are published", () => isProven("3"));
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    const proof = await client.getInclusionProof("3");
    expect(proof.tlogProof).to.include(`c2sp.org/tlog-proof@v1\nindex 2\n`).and.include(`\n\n${NAME}\n`);
    client.close();
    const answer = await rest("auditEntries/3/inclusionProof");
    expect(answer.status).to.equal(200);
    expect(JSON.parse(Buffer.from(proof.proof?.publicBytes ?? []).toString())).to.deep.include({ sequence: "3" });
    const { access, close } = createTestAccess(service.endpoint);
    const store = createLogStore(access, {
      bucket: "bucket",
      prefix: "audit/",
      lockMs: 1,
      now: () => fromNow(-60_000),
    });
    const verifiers = [parseNoteVerifier(key.verifierKey) as NoteVerifier];
    const { checkpoint } = await verifyLog({ read: (path) => store.read(path), origin: NAME, verifiers });
    expect(checkpoint.size).to.be.at.least(3);
    close();
    expect(await readyz()).to.deep.equal({ status: 200, body: { status: "ready" } });
  });

  it("is published by one of several replicas, and each of them says that the database was restored", async () => {
    service = await start(withLog);
    await rest("files/a", { method: "PUT", body: "x" });
    await until("the entries are published", () => isProven("3"));
    const replica = await service.startReplica();
    const database = new Client({ connectionString: service.databaseUrl });
    await database.connect();
    // As a backup from before the last entries has it.
    await database.query("DELETE FROM journal_leaf WHERE sequence > 1");
    await database.query("DELETE FROM journal_number WHERE sequence > 1");
    await database.end();
    const isTold = async (url: string) => {
      const answer = await fetch(`${url}/readyz`, { headers });
      const { status, problems } = (await answer.json()) as {
        status: string;
        problems?: { component: string; problem: string }[];
      };
      const told = problems?.find(({ component }) => component === "audit-log");
      return (
        answer.status === 200 && status === "degraded" && told?.problem.includes("FORK: entry 2 of the log") === true
      );
    };
    for (const url of [service.url, replica.url]) await until("the replica says so", () => isTold(url));
    expect(service.warningsLogged.some((line) => JSON.stringify(line).includes("FORK: entry 2 of the log"))).to.equal(
      true,
    );
  });

  it("is none where no bucket is set", async () => {
    service = await start();
    const answer = await rest("auditEntries/1/inclusionProof");
    expect(answer.status).to.equal(412);
    expect(answer.body.reason).to.equal("AUDIT_LOG_OFF");
    expect((await readyz()).body.status).to.equal("ready");
  });
});
