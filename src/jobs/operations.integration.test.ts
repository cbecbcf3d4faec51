import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { Client } from "pg";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import {
  createOpen,
  nextIdentity,
  nextUuid,
  RETENTION_MS,
  sampleObject,
} from "../testing/rigs/database/repository-subject.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { until } from "../testing/rigs/until.ts";

const FILES = 500;
const ENTRIES = 12_000;

describe("operations of a process that is killed", function () {
  this.timeout(300_000);
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let s3: DevS3;
  let sql: Client;
  const running: { service: ServiceProcess; client: SluiceClient }[] = [];
  before(async () => {
    [subject, s3] = [await createPostgresSubject(), await startDevS3({ multipartMinPartBytes: 1 })];
    sql = new Client({ connectionString: subject.url });
    await sql.connect();
  });
  afterEach(async () => {
    for (const { service, client } of running.splice(0)) {
      client.close();
      await service.kill();
    }
    s3.server.faults.clear();
  });
  after(async () => {
    await sql?.end();
    await s3?.stop();
    await subject?.close();
  });
  const start = async () => {
    // The namespace of the subject.
    const settings = { SLUICE_S3_KEY_PREFIX: "default/" };
    const options = { databaseUrl: subject.url, port: await findFreePort(), settings };
    const service = await startServiceProcess(s3.endpoint, options);
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    running.push({ service, client });
    return { service, client };
  };
  /** Files whose bytes storage need not have: deleting what is gone is no error there. */
  const storeFile = async (path: string, { isDeleted }: { isDeleted: boolean }) => {
    const upload = await createOpen(subject, { path });
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, object: sampleObject(upload) };
    await subject.uploads.commits.commit(upload.uploadId, commit);
    const identity = nextIdentity({ method: "DeleteFile" });
    if (isDeleted) await subject.files.delete("default", path, { identity, retentionMs: RETENTION_MS });
  };
  const purgeOf = async (client: SluiceClient, id: string) => {
    const { metadata } = await client.getOperation(id);
    if (metadata?.progress.case !== "purge") throw new Error("this is no purge");
    const { value } = metadata.progress;
    return { matched: Number(value.matched), purged: Number(value.purged), retained: Number(value.retained) };
  };

  it("go on where they were, do nothing twice, and count each file once", async () => {
    const victim = await start();
    const indexes = Array(FILES).keys();
    const storeSome = async () => {
      for (const index of indexes) await storeFile(`bulk/${index}`, { isDeleted: true });
    };
    await Promise.all(Array.from({ length: 8 }, storeSome));
    await storeFile("bulk/live", { isDeleted: false });
    // The process dies in a step, after some of its files are purged.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { faults } = s3.server;
    faults.add({ operation: "DeleteObject", times: 155, fault: { kind: "latency", ms: 0 } });
    faults.add({ operation: "DeleteObject", times: 5, fault: { kind: "hold", released } });
    const { metadata } = await victim.client.startPurge('path = "bulk/*"');
    const id = metadata?.operationId ?? "";
    await until("the process is amid a step", () => faults.pending === 0);
    expect(await purgeOf(victim.client, id)).to.deep.equal({ matched: 200, purged: 100, retained: 0 });
    await victim.service.kill();
    release();
    const heir = await start();
    const ended = await heir.client.waitOperation(id);
    expect(
      ended.result.case,
      JSON.stringify(ended.result.value, (_, value) => String(value)),
    ).to.equal("response");
    expect(await purgeOf(heir.client, id)).to.deep.equal({ matched: FILES, purged: FILES, retained: 0 });
    const { rows } = await sql.query(`
      SELECT action, count(*)::int AS entries, count(DISTINCT resource_id)::int AS files FROM journal_entry
      WHERE action IN ('PurgeFiles', 'RemoveBytes') AND outcome = 'done' GROUP BY action ORDER BY action`);
    expect(rows).to.deep.equal([
      { action: "PurgeFiles", entries: FILES, files: FILES },
      { action: "RemoveBytes", entries: FILES, files: FILES },
    ]);
    const { rows: left } = await sql.query(
      "SELECT purge_state, count(*)::int AS files FROM file WHERE path LIKE 'bulk/%' GROUP BY purge_state ORDER BY purge_state",
    );
    expect(left).to.deep.equal([
      { purge_state: "purged", files: FILES },
      { purge_state: null, files: 1 },
    ]);
  });

  it("export each entry of the audit log once, and send no part again that was saved", async () => {
    // Compressed, these take two parts of 8 MiB and some more.
    await sql.query(
      `WITH entered AS (
         INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
         SELECT 'default', 'Test', 'done', 'file', 'dev' FROM generate_series(1, $1::integer) RETURNING entry_id, entry_time
       )
       INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
       SELECT entry_id, entry_time, 'default', 'test',
         (SELECT string_agg(md5(entry_id::text || nth), '') FROM generate_series(1, 100) nth)
       FROM entered`,
      [ENTRIES],
    );
    const victim = await start();
    await until("all have numbers", async () => {
      const { rows } = await sql.query(
        "SELECT count(*)::int AS waiting FROM journal_entry e WHERE NOT EXISTS (SELECT FROM journal_number n WHERE n.entry_id = e.entry_id)",
      );
      return rows[0].waiting === 0;
    });
    // The process dies while it sends the second part.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { faults } = s3.server;
    faults.add({ operation: "UploadPart", fault: { kind: "latency", ms: 0 } });
    faults.add({ operation: "UploadPart", fault: { kind: "hold", released } });
    const { metadata } = await victim.client.startAuditExport({ filter: 'action = "Test"' });
    const id = metadata?.operationId ?? "";
    await until("the second part is on its way", () => faults.pending === 0);
    await victim.service.kill();
    release();
    const heir = await start();
    const { result } = await heir.client.waitOperation(id);
    if (result.case !== "response" || result.value.response.case !== "auditExport")
      throw new Error(`the operation has made no export: ${result.case} ${JSON.stringify(result.value)}`);
    const { url, sizeBytes, count } = result.value.response.value;
    expect(s3.server.requestCount("UploadPart"), "the second part is sent twice").to.equal(4);
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(bytes.length).to.equal(Number(sizeBytes));
    const lines = gunzipSync(bytes).toString().trim().split("\n");
    const sequences = lines.slice(0, -1).map((line) => Number(JSON.parse(line).entry.sequence));
    const { rows } = await sql.query(`
      SELECT n.sequence::int FROM journal_number n JOIN journal_entry e USING (entry_time, entry_id)
      WHERE e.action = 'Test' ORDER BY n.sequence`);
    expect(sequences).to.deep.equal(rows.map(({ sequence }) => sequence));
    expect([Number(count), sequences.length]).to.deep.equal([ENTRIES, ENTRIES]);
    expect(JSON.parse(lines.at(-1) ?? "").end).to.include({ count: String(ENTRIES) });
  });
});
