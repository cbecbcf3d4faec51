import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { ensureNamespace } from "../../testing/rigs/database/ensure-namespace.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { createOpen, nextUuid, TEST_ACTOR } from "../../testing/rigs/database/repository-subject.ts";
import { sampleEntry } from "../../testing/samples/sample-entries.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { createLinkRepository } from "../links/link-repository.ts";
import { createNamespaceRepository } from "../namespace-repository.ts";
import { createDatabasePools, type DatabasePools } from "../pool/pool.ts";
import { createErasureRepository } from "../privacy/erasures.ts";
import { migrate, validateMigrations } from "../schema/migrate.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";
import { createCommitMarks } from "./commit-marks.ts";
import { createJournal } from "./journal.ts";
import { createJournalRelay } from "./journal-relay.ts";
import { createJournalWriter } from "./journal-writer.ts";
import { createLogLeaves } from "./log-leaves.ts";

const ROLE = `sluice_service_${process.pid}`;
const KEPT = { keptDays: 400 };
/** A column of the tables that have no namespace. */
const COLUMNS: Readonly<Record<string, string>> = { journal_look: "last_sequence", journal_leaf: "public_bytes" };

describe("the rights and the life of the journal's entries", () => {
  let database: TestDatabase;
  let owner: Client;
  beforeEach(async () => {
    database = await createTestDatabase();
    owner = new Client({ connectionString: database.adminUrl });
    await owner.connect();
  });
  afterEach(async () => {
    await owner.end();
    await database.drop();
  });
  const readMonths = async () => {
    const { rows } = await owner.query(
      "SELECT right(c.relname, 7) AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'journal_entry'::regclass ORDER BY 1",
    );
    return rows.map(({ month }) => month as string);
  };
  /** Makes the partitions of a month that is long over, with an entry in it. */
  const makeOldMonth = async (month: string) => {
    const from = `${month.replace("_", "-")}-01T00:00:00Z`;
    for (const table of ["journal_entry", "journal_personal", "journal_number", "journal_leaf"]) {
      await owner.query(`
        CREATE TABLE ${table}_${month} PARTITION OF ${table}
        FOR VALUES FROM ('${from}') TO ('${from}'::timestamptz + interval '31 days')`);
      // As the service would have made it: for the owner of the table.
      const { rows } = await owner.query(`SELECT tableowner AS name FROM pg_tables WHERE tablename = '${table}'`);
      await owner.query(`ALTER TABLE ${table}_${month} OWNER TO ${rows[0].name}`);
    }
    await owner.query(
      "INSERT INTO journal_entry (entry_time, namespace, action, outcome, resource_kind, token_kind) VALUES ($1, 'default', 'GetFile', 'done', 'file', 'dev')",
      [`${month.replace("_", "-")}-15T00:00:00Z`],
    );
  };

  /** A time to keep entries for, with which March of 2024 is overdue for so many days. */
  const overdue = async (days: number) => {
    const { rows } = await owner.query("SELECT current_date - date '2024-04-01' - $1::int AS days", [days]);
    return { keptDays: rows[0].days as number };
  };
  /** A subscription that has delivered nothing yet. */
  const subscribe = () =>
    owner.query(
      `INSERT INTO subscription (namespace, subscription_id, principal, receiver_kind, receiver, types, path_prefix, origin_id, sequence)
       VALUES ('default', gen_random_uuid(), 'dev:local', 'webhook', 'https://example.org/', '{}', '', journal_origin_here(), 0)`,
    );

  describe("for a role that does not own the tables", () => {
    let pools: DatabasePools;
    let service: Client;
    beforeEach(async () => {
      await owner.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'p'`);
      await migrate({ url: database.adminUrl, serviceRole: ROLE });
      const url = new URL(database.url);
      url.username = ROLE;
      url.password = "p";
      pools = await createDatabasePools({ url: url.href });
      service = new Client({ connectionString: url.href });
      await service.connect();
    });
    afterEach(async () => {
      await service.end();
      await pools.end();
      await owner.query(`DROP OWNED BY ${ROLE}`);
      await owner.query(`DROP ROLE ${ROLE}`);
    });

    it("are enough for all that the service does", async () => {
      expect(await validateMigrations({ url: database.url })).to.deep.equal({ pending: [] });
      await ensureNamespace(pools.commands);
      const namespaces = createNamespaceRepository(pools.commands);
      const uploads = createUploadRepositories(pools.commands);
      expect(await namespaces.listChanged(0)).to.have.length(1);
      const { uploadId } = await createOpen({ uploads });
      await uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
      await uploads.catalogue.forgetTokens({ olderThanMs: 0, limit: 10 });
      expect(
        await createFileRepository(pools)
          .get("default", "none", {})
          .catch(({ reason }) => reason),
      ).to.equal("FILE_NOT_FOUND");
      await createLinkRepository(pools).forget({ olderThanMs: 0, limit: 10 });
      const marks = createCommitMarks(pools.commands);
      await marks.draw();
      await marks.forget({ limit: 10 });
      await createJournalWriter(pools.journal).enter([sampleEntry()]);
      const relay = createJournalRelay(pools.commands);
      expect(await relay.numberNew()).to.equal(4);
      const entries = await createJournal(pools.commands).read({ after: 0, limit: 10 });
      expect(entries.map(({ action }) => action)).to.deep.equal([
        ...["CreateNamespace", "CreateUpload", "AbortUpload", "GetFile"],
      ]);
      const months = await readMonths();
      await owner.query(`DROP TABLE journal_entry_${months.at(-1)}, journal_number_${months.at(-1)}`);
      expect(await relay.makePartitions()).to.equal(2);
      expect(await relay.dropPartitions(KEPT)).to.equal(0);
    });

    it("are enough to take personal parts from entries for an erasure, which is entered", async () => {
      await ensureNamespace(pools.commands);
      await createJournalWriter(pools.journal).enter([sampleEntry({ dataSubject: "person-7" })]);
      const erasures = createErasureRepository(pools.commands);
      const [erasureId, requestId] = [nextUuid(), nextUuid()];
      const asked = { erasureId, requestId, namespace: "default", dataSubject: "person-7", actor: TEST_ACTOR };
      const erasure = await erasures.begin(asked);
      const entries = await erasures.listEntries(erasure, 10);
      expect(entries).to.have.lengthOf(1);
      await erasures.redact(erasure, entries);
      expect(await erasures.end(erasure)).to.include({ entriesRedacted: 1, dataSubject: "" });
      const { rows } = await owner.query(
        "SELECT p.after FROM journal_entry e JOIN journal_personal p USING (entry_time, entry_id) WHERE e.action = 'RedactEntries'",
      );
      expect(rows.map(({ after }) => after)).to.deep.equal([{ erasure_id: erasureId, entry_ids: [entries[0]?.[1]] }]);
      const left = await service.query("DELETE FROM journal_personal").catch(({ code }) => code);
      expect(left, "by no other way").to.equal("42501");
    });

    it("leave one origin to the numbers, where the owner alone may ask which cluster it is", async () => {
      await owner.query("REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC");
      const relay = createJournalRelay(pools.commands);
      await ensureNamespace(pools.commands);
      await subscribe();
      await makeOldMonth("2024_03");
      await relay.numberNew();
      // Its partition goes unless a subscription of this origin is still to deliver it.
      await relay.dropPartitions(await overdue(3));
      await createJournalWriter(pools.journal).enter([sampleEntry()]);
      expect(await relay.numberNew()).to.be.above(0);
      expect((await owner.query("SELECT count(*)::int AS origins FROM journal_origin")).rows).to.deep.equal([
        { origins: 1 },
      ]);
    });

    it("are not enough to change, delete or hide an entry, nor its number", async () => {
      const leaves = createLogLeaves(pools.commands);
      await createJournalWriter(pools.journal).enter([sampleEntry()]);
      await createJournalRelay(pools.commands).numberNew();
      await leaves.begin();
      expect((await leaves.seal({ limit: 10 })).sealed).to.equal(1);
      const [month] = await readMonths();
      for (const table of ["journal_entry", "journal_personal", "journal_number", "journal_leaf", "journal_look"]) {
        const column = COLUMNS[table] ?? "namespace";
        const names = table === "journal_look" ? [table] : [table, `${table}_${month}`];
        for (const name of names) {
          for (const statement of [
            `UPDATE ${name} SET ${column} = ${column}`,
            `DELETE FROM ${name}`,
            `TRUNCATE ${name}`,
            `DROP TABLE ${name}`,
            `ALTER TABLE ${name} DISABLE TRIGGER ALL`,
          ]) {
            const code = await service.query(statement).then(
              () => "done",
              (error: { code: string }) => error.code,
            );
            expect(code, statement).to.equal("42501");
          }
        }
      }
      expect(await service.query("SELECT journal_drop_partitions('1 day')").catch(({ message }) => message)).to.include(
        "keeps 30 days at least",
      );
    });
  });

  it("lets nobody else make or drop partitions", async () => {
    await owner.query(`CREATE ROLE ${ROLE}`);
    await owner.query(`SET ROLE ${ROLE}`);
    for (const call of ["journal_make_partitions(1)", "journal_drop_partitions('400 days')"]) {
      expect(await owner.query(`SELECT ${call}`).catch(({ code }) => code)).to.equal("42501");
    }
    await owner.query("RESET ROLE");
    await owner.query(`DROP ROLE ${ROLE}`);
  });

  describe("when months are over", () => {
    let pools: DatabasePools;
    beforeEach(async () => {
      pools = await createDatabasePools({ url: database.url });
      await makeOldMonth("2024_01");
      await makeOldMonth("2024_03");
    });
    afterEach(() => pools.end());

    it("end once all of them have numbers, oldest first, and the present ones stay", async () => {
      const relay = createJournalRelay(pools.commands);
      expect(await relay.dropPartitions(KEPT)).to.equal(0);
      await relay.numberNew();
      expect(await relay.dropPartitions({ keptDays: 36_500 })).to.equal(0);
      expect(await relay.dropPartitions(KEPT)).to.equal(2);
      const months = await readMonths();
      expect(months).to.have.length(3);
      expect(months.filter((month) => month < "2026")).to.deep.equal([]);
      expect(await relay.dropPartitions(KEPT)).to.equal(0);
      const left = await pools.commands.any(
        sql.unsafe`SELECT relname FROM pg_class WHERE relname LIKE 'journal%2024%'`,
      );
      expect(left).to.deep.equal([]);
    });

    it("end once they are published, where a log is", async () => {
      const relay = createJournalRelay(pools.commands);
      const leaves = createLogLeaves(pools.commands);
      const published = { ...KEPT, onlyPublished: true };
      await relay.numberNew();
      await leaves.begin();
      await leaves.seal({ limit: 10 });
      expect(await relay.dropPartitions(published)).to.equal(0);
      await leaves.notePublished(1);
      expect(await relay.dropPartitions(published)).to.equal(1);
      await leaves.notePublished(2);
      expect(await relay.dropPartitions(published)).to.equal(1);
      expect(await leaves.state()).to.deep.include({ published: 2, droppedThrough: 2 });
      expect(await leaves.seal({ limit: 10 })).to.deep.equal({ sealed: 0, through: 2 });
    });

    it("leave the number behind which cursors are good, and the relay's last looks", async () => {
      const relay = createJournalRelay(pools.commands);
      await relay.numberNew();
      const numbers = await owner.query(
        "SELECT max(sequence)::int AS last FROM journal_number WHERE entry_time < '2025-01-01'",
      );
      await owner.query(
        `INSERT INTO journal_look (snapshot, last_sequence)
         SELECT snapshot, last_sequence FROM journal_look, generate_series(1, 3000) ORDER BY look DESC LIMIT 3000`,
      );
      await relay.dropPartitions(KEPT);
      const dropped = await owner.query("SELECT max(last_sequence)::int AS last FROM journal_dropped");
      expect(dropped.rows).to.deep.equal(numbers.rows);
      const looks = await owner.query("SELECT count(*)::int AS count FROM journal_look");
      expect(looks.rows[0].count).to.equal(1001);
      expect(await relay.numberNew()).to.equal(0);
    });

    it("stay while a subscription is still to deliver events of them, for 7 days at most", async () => {
      const relay = createJournalRelay(pools.commands);
      await ensureNamespace(pools.commands);
      await relay.numberNew();
      await subscribe();
      expect(await relay.dropPartitions(await overdue(3)), "January is overdue for longer").to.equal(1);
      expect((await readMonths())[0]).to.equal("2024_03");
      await owner.query("UPDATE subscription SET state = 'paused'");
      expect(await relay.dropPartitions(await overdue(3))).to.equal(0);
      expect(await relay.dropPartitions(await overdue(8))).to.equal(1);
    });

    it("end once every subscription is behind them, or has ended", async () => {
      const relay = createJournalRelay(pools.commands);
      await ensureNamespace(pools.commands);
      await relay.numberNew();
      await owner.query(
        `WITH kept AS (
           INSERT INTO subscription (namespace, subscription_id, principal, receiver_kind, receiver, types, path_prefix, origin_id,
             sequence, state)
           SELECT 'default', gen_random_uuid(), 'dev:local', 'webhook', 'https://example.org/', '{}', '', journal_origin_here(), s.sequence,
             s.state
           FROM (VALUES (0, 'dead'), (1000, 'active')) s (sequence, state) RETURNING *
         )
         INSERT INTO dead_letter (namespace, subscription_id, sequence, entry_id, failures, failure)
         SELECT namespace, subscription_id, l.sequence, gen_random_uuid(), 12, '' FROM kept CROSS JOIN (VALUES (1), (999)) l (sequence)`,
      );
      expect(await relay.dropPartitions(await overdue(3))).to.equal(2);
      const left = await owner.query("SELECT DISTINCT sequence::integer AS sequence FROM dead_letter");
      expect(left.rows, "letters whose events are gone").to.deep.equal([{ sequence: 999 }]);
    });

    it("stay while somebody uses them, and keep nobody waiting", async () => {
      const relay = createJournalRelay(pools.commands);
      await relay.numberNew();
      await owner.query("BEGIN");
      await owner.query("SELECT count(*) FROM journal_entry_2024_01");
      expect(await relay.dropPartitions(KEPT)).to.equal(0);
      await owner.query("ROLLBACK");
      expect(await relay.dropPartitions(KEPT)).to.equal(2);
    });
  });
});
