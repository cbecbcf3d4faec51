import { expect } from "chai";
import type { SluiceClient } from "../client/client.ts";
import {
  createOpen,
  nextIdentity,
  nextUuid,
  RETENTION_MS,
  sampleObject,
} from "../testing/rigs/database/repository-subject.ts";
import { type KilledOperations, prepareKilledOperations } from "../testing/rigs/service/killed-operations.ts";
import { until } from "../testing/rigs/until.ts";

/** More than two steps of a purge. */
const FILES = 220;

describe("operations of a process that is killed", () => {
  let rig: KilledOperations;
  before(async () => {
    rig = await prepareKilledOperations();
  });
  after(() => rig?.close());
  /** Files whose bytes storage need not have: deleting what is gone is no error there. */
  const storeFile = async (path: string, { isDeleted }: { isDeleted: boolean }) => {
    const upload = await createOpen(rig.subject, { path });
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, object: sampleObject(upload) };
    await rig.subject.uploads.commits.commit(upload.uploadId, commit);
    const identity = nextIdentity({ method: "DeleteFile" });
    if (isDeleted) await rig.subject.files.delete("default", path, { identity, retentionMs: RETENTION_MS });
  };
  const purgeOf = async (client: SluiceClient, id: string) => {
    const { metadata } = await client.getOperation(id);
    if (metadata?.progress.case !== "purge") throw new Error("this is no purge");
    const { value } = metadata.progress;
    return { matched: Number(value.matched), purged: Number(value.purged), retained: Number(value.retained) };
  };

  it("go on where they were, do nothing twice, and count each file once", async () => {
    const victim = await rig.start();
    const indexes = Array(FILES).keys();
    const storeSome = async () => {
      for (const index of indexes) await storeFile(`bulk/${index}`, { isDeleted: true });
    };
    await Promise.all(Array.from({ length: 8 }, storeSome));
    await storeFile("bulk/live", { isDeleted: false });
    // The process dies in a step, after some of its files are purged.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { faults } = rig.s3.server;
    faults.add({ operation: "DeleteObject", times: 155, fault: { kind: "latency", ms: 0 } });
    faults.add({ operation: "DeleteObject", times: 5, fault: { kind: "hold", released } });
    const { metadata } = await victim.client.startPurge('path = "bulk/*"');
    const id = metadata?.operationId ?? "";
    await until("the process is amid a step", () => faults.pending === 0);
    expect(await purgeOf(victim.client, id)).to.deep.equal({ matched: 200, purged: 100, retained: 0 });
    await victim.service.kill();
    release();
    const heir = await rig.start();
    const ended = await heir.client.waitOperation(id);
    expect(
      ended.result.case,
      JSON.stringify(ended.result.value, (_, value) => String(value)),
    ).to.equal("response");
    expect(await purgeOf(heir.client, id)).to.deep.equal({ matched: FILES, purged: FILES, retained: 0 });
    const { rows } = await rig.sql.query(`
      SELECT action, count(*)::int AS entries, count(DISTINCT resource_id)::int AS files FROM journal_entry
      WHERE action IN ('PurgeFiles', 'RemoveBytes') AND outcome = 'done' GROUP BY action ORDER BY action`);
    expect(rows).to.deep.equal([
      { action: "PurgeFiles", entries: FILES, files: FILES },
      { action: "RemoveBytes", entries: FILES, files: FILES },
    ]);
    const { rows: left } = await rig.sql.query(
      "SELECT purge_state, count(*)::int AS files FROM file WHERE path LIKE 'bulk/%' GROUP BY purge_state ORDER BY purge_state",
    );
    expect(left).to.deep.equal([
      { purge_state: "purged", files: FILES },
      { purge_state: null, files: 1 },
    ]);
  });
});
