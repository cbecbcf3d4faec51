import { expect } from "chai";
import { sql } from "slonik";
import { enteredByTest } from "../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import { createJournal } from "./journal/journal.ts";
import { createJournalRelay } from "./journal/journal-relay.ts";
import { createLogLeaves } from "./journal/log-leaves.ts";
import { createLagReader } from "./service-lags.ts";

const HOUR_MS = 3_600_000;

describe("createLagReader", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  beforeEach(async () => {
    subject = await createPostgresSubject();
    await createJournalRelay(subject.pools.commands).numberNew();
  });
  afterEach(() => subject.close());
  const read = () => createLagReader(subject.pools.commands)();
  /** An entry of an hour ago; the partition of the month before may be the one. */
  const enter = async () => {
    await subject.pools.commands.query(sql.unsafe`
      INSERT INTO journal_entry (entry_time, namespace, action, outcome, resource_kind, token_kind)
      VALUES (greatest(now() - interval '1 hour', date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'),
        'default', 'DeleteFile', 'done', 'file', 'dev')`);
    const age = await subject.pools.commands.oneFirst(sql.unsafe`
      SELECT extract(epoch FROM now() - min(entry_time))::float8 * 1000 FROM journal_entry WHERE action = 'DeleteFile'`);
    return age as number;
  };

  it("is 0 where nothing waits", async () => {
    expect(await read()).to.deep.equal({ journalMs: 0, auditMs: undefined, deliveryMs: 0, purgeMs: 0 });
  });

  it("tells the age of an entry without a number, and then of one that no checkpoint has", async () => {
    const leaves = createLogLeaves(subject.pools.commands);
    await leaves.begin();
    await leaves.notePublished(await createJournal(subject.pools.commands).lastSequence());
    expect((await read()).auditMs).to.equal(0);
    const ageMs = await enter();
    expect((await read()).journalMs).to.be.within(ageMs, ageMs + HOUR_MS / 2);
    await createJournalRelay(subject.pools.commands).numberNew();
    const { journalMs, auditMs } = await read();
    expect(journalMs).to.equal(0);
    expect(auditMs).to.be.at.least(ageMs);
  });

  it("tells the age of what an active subscription has not delivered, and nothing of paused ones", async () => {
    const { commands } = subject.pools;
    const ageMs = await enter();
    await createJournalRelay(commands).numberNew();
    await commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO subscription (namespace, subscription_id, principal, receiver_kind, receiver, types, path_prefix, origin_id, sequence)
      SELECT 'default', gen_random_uuid(), 'dev:tester', 'event-bus', 'arn', '{}', '', journal_origin_here(), max(sequence) - 1 FROM journal_number`);
    expect((await read()).deliveryMs).to.be.within(ageMs, ageMs + HOUR_MS / 2);
    await commands.query(sql.unsafe`UPDATE subscription SET state = 'paused'`);
    expect((await read()).deliveryMs).to.equal(0);
  });

  it("tells how long a file is overdue to be purged", async () => {
    const { commands } = subject.pools;
    const insert = (path: string, due: string) =>
      commands.query(sql.unsafe`
        ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket, region,
          s3_key, s3_version_id, etag, principal, create_time, update_time, delete_time, purge_time)
        VALUES (gen_random_uuid(), 'default', ${path}, 1, 1, 1, '', '{}', '{}', 'bucket', 'eu-central-1', ${path}, '', '', '',
          now() - interval '2 days', now(), now() - interval '1 day', now() + ${due}::text::interval)`);
    await insert("later", "1 day");
    expect((await read()).purgeMs).to.equal(0);
    await insert("due", "-1 hour");
    await insert("just due", "-1 minute");
    expect((await read()).purgeMs).to.be.within(HOUR_MS, 1.5 * HOUR_MS);
  });
});
