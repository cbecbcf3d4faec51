import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { type KilledOperations, prepareKilledOperations } from "../testing/rigs/service/killed-operations.ts";
import { until } from "../testing/rigs/until.ts";

/** Compressed, these take two parts of 8 MiB and some more. */
const ENTRIES = 6_500;

describe("operations of a process that is killed", () => {
  let rig: KilledOperations;
  before(async () => {
    rig = await prepareKilledOperations();
  });
  after(() => rig?.close());

  it("export each entry of the audit log once, and send no part again that was saved", async () => {
    await rig.sql.query(
      `WITH entered AS (
         INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
         SELECT 'default', 'Test', 'done', 'file', 'dev' FROM generate_series(1, $1::integer) RETURNING entry_id, entry_time
       )
       INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
       SELECT entry_id, entry_time, 'default', 'test',
         (SELECT string_agg(encode(sha256((entry_id::text || nth)::bytea), 'base64'), '') FROM generate_series(1, 110) nth)
       FROM entered`,
      [ENTRIES],
    );
    const victim = await rig.start();
    await until("all have numbers", async () => {
      const { rows } = await rig.sql.query(
        "SELECT count(*)::int AS waiting FROM journal_entry e WHERE NOT EXISTS (SELECT FROM journal_number n WHERE n.entry_id = e.entry_id)",
      );
      return rows[0].waiting === 0;
    });
    // The process dies while it sends the second part.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { faults } = rig.s3.server;
    faults.add({ operation: "UploadPart", fault: { kind: "latency", ms: 0 } });
    faults.add({ operation: "UploadPart", fault: { kind: "hold", released } });
    const { metadata } = await victim.client.startAuditExport({ filter: 'action = "Test"' });
    const id = metadata?.operationId ?? "";
    await until("the second part is on its way", () => faults.pending === 0);
    await victim.service.kill();
    release();
    const heir = await rig.start();
    const { result } = await heir.client.waitOperation(id);
    if (result.case !== "response" || result.value.response.case !== "auditExport")
      throw new Error(`the operation has made no export: ${result.case} ${JSON.stringify(result.value)}`);
    const { url, sizeBytes, count } = result.value.response.value;
    expect(rig.s3.server.requestCount("UploadPart"), "the second part is sent twice").to.equal(4);
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(bytes.length).to.equal(Number(sizeBytes));
    const lines = gunzipSync(bytes).toString().trim().split("\n");
    const sequences = lines.slice(0, -1).map((line) => Number(JSON.parse(line).entry.sequence));
    const { rows } = await rig.sql.query(`
      SELECT n.sequence::int FROM journal_number n JOIN journal_entry e USING (entry_time, entry_id)
      WHERE e.action = 'Test' ORDER BY n.sequence`);
    expect(sequences).to.deep.equal(rows.map(({ sequence }) => sequence));
    expect([Number(count), sequences.length]).to.deep.equal([ENTRIES, ENTRIES]);
    expect(JSON.parse(lines.at(-1) ?? "").end).to.include({ count: String(ENTRIES) });
  });
});
