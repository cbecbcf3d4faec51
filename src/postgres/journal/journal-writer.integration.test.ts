import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import type { JournalWriter } from "../../domain/journal/new-entry.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { sampleEntry } from "../../testing/samples/sample-entries.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { createJournal } from "./journal.ts";
import { createJournalRelay } from "./journal-relay.ts";
import { createJournalWriter } from "./journal-writer.ts";

type Subject = Awaited<ReturnType<typeof createPostgresSubject>>;
const UUID = "0190a3b4-5c6d-7e8f-9a0b-00000000000a";

describe("createJournalWriter", () => {
  let subject: Subject;
  let writer: JournalWriter;
  let admin: Client;
  beforeEach(async () => {
    subject = await createPostgresSubject();
    writer = createJournalWriter(subject.pools.journal);
    admin = new Client({ connectionString: subject.adminUrl });
    await admin.connect();
  });
  afterEach(async () => {
    await admin.end();
    await subject.close();
  });
  const readAll = async () => {
    await createJournalRelay(subject.pools.commands).numberNew();
    const entries = await createJournal(subject.pools.commands).read({ after: 0, limit: 1000 });
    return entries.filter(({ action }) => action !== "CreateNamespace");
  };

  it("writes all of a batch, in its order, into both tables", async () => {
    const actor = {
      ...({ principal: "iam:arn", tokenKind: "iam", address: "2001:db8::1" } as const),
      ...{ session: "deploy", tokenId: UUID, requestId: UUID },
    };
    await writer.enter([
      sampleEntry({ actor, resource: { kind: "file", id: UUID, generation: 7 }, dataSubject: "customer-7", times: 12 }),
      sampleEntry({ namespace: "", action: "Authenticate", outcome: "TOKEN_INVALID", resource: { kind: "service" } }),
    ]);
    const [first, second] = await readAll();
    expect(first).to.deep.include({
      ...{ namespace: "default", action: "GetFile", outcome: "done", times: 12, tokenKind: "iam", tokenId: UUID },
      resource: { kind: "file", id: UUID, generation: 7 },
      requestId: UUID,
    });
    expect(first?.entryId).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(first?.personal).to.include({ actor: "iam:arn", session: "deploy", address: "2001:db8::1", path: "a.txt" });
    expect(first?.personal).to.include({ dataSubject: "customer-7" });
    expect(second).to.include({ namespace: "", action: "Authenticate", outcome: "TOKEN_INVALID", times: 1 });
    const { rows } = await admin.query("SELECT DISTINCT first_time FROM journal_entry WHERE first_time IS NOT NULL");
    expect(rows).to.deep.equal([{ first_time: sampleEntry().time }]);
  });

  it("takes every text that a request may hold", async () => {
    const path = `a\u0000b\ud800c'"\\ü\n`;
    await writer.enter([sampleEntry({ path })]);
    const [entry] = await readAll();
    expect(entry?.personal?.path).to.equal(`a\ufffdb\ufffdc'"\\ü\n`);
  });

  it("writes 500 entries in one statement", async () => {
    await writer.enter(Array.from({ length: 500 }, (_, index) => sampleEntry({ path: `${index}` })));
    const entries = await readAll();
    expect(entries.map(({ personal }) => personal?.path)).to.deep.equal(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  it("writes nothing of a batch in which one entry is wrong, and does not call that unavailable", async () => {
    const wrong = sampleEntry({ times: 0 });
    const error = await catchError(() => writer.enter([sampleEntry(), wrong]));
    expect(error).to.be.instanceOf(Error).and.not.have.property("reason");
    expect(await readAll()).to.deep.equal([]);
  });

  it("fails in time while the tables are locked, and has written nothing when they are free again", async () => {
    const hasty = createJournalWriter(subject.pools.commands, { lockedMaxMs: 50 });
    await admin.query("BEGIN");
    await admin.query("LOCK TABLE journal_entry IN ACCESS EXCLUSIVE MODE");
    const entering = catchError(() => hasty.enter([sampleEntry()]));
    await until("it has waited for longer", async () => {
      const waits = await subject.pools.queries.exists(sql.unsafe`
        SELECT true FROM pg_stat_activity a WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'
          AND clock_timestamp() > a.query_start + interval '60 milliseconds'`);
      return waits;
    });
    await admin.query("ROLLBACK");
    expect(await entering).to.include({ reason: "DATABASE_UNAVAILABLE" });
    await writer.enter([sampleEntry()]);
    expect(await readAll()).to.have.length(1);
  });

  it("fails as a database that is full", async () => {
    await admin.query(`
      CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON journal_personal FOR EACH ROW EXECUTE FUNCTION fill_disk()`);
    expect(await catchError(() => writer.enter([sampleEntry()]))).to.include({ reason: "DATABASE_FULL" });
    expect(await readAll()).to.deep.equal([]);
  });

  it("calls a missing partition unavailable, until the job has made it", async () => {
    const { rows } = await admin.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS month");
    const { month } = rows[0];
    await admin.query(`DROP TABLE journal_entry_${month}, journal_personal_${month}, journal_number_${month}`);
    expect(await catchError(() => writer.enter([sampleEntry()]))).to.include({ reason: "DATABASE_UNAVAILABLE" });
    await createJournalRelay(subject.pools.commands).makePartitions();
    await writer.enter([sampleEntry()]);
    expect(await readAll()).to.have.length(1);
  });
});
