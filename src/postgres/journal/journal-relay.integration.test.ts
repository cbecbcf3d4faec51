import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import type { Journal, JournalRelay } from "../../domain/journal/journal.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { createJournal } from "./journal.ts";
import { createJournalRelay } from "./journal-relay.ts";

type Subject = Awaited<ReturnType<typeof createPostgresSubject>>;

describe("createJournalRelay", () => {
  let subject: Subject;
  let relay: JournalRelay;
  let journal: Journal;
  const clients: Client[] = [];
  beforeEach(async () => {
    subject = await createPostgresSubject();
    relay = createJournalRelay(subject.pools.commands);
    journal = createJournal(subject.pools.commands);
    // The namespaces of the subject have entries too.
    await relay.numberNew();
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await subject.close();
  });
  const connect = async () => {
    const client = new Client({ connectionString: subject.adminUrl });
    await client.connect();
    clients.push(client);
    return client;
  };
  const enter = async (client: Client, action: string, times = 1) => {
    await client.query(
      `INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
       SELECT 'default', $1 || i, 'done', 'file', 'dev' FROM generate_series(1, $2::integer) i`,
      [action, times],
    );
  };
  const readActions = async (after = 0) => {
    const entries = await journal.read({ namespace: "default", after, limit: 100_000 });
    return entries.filter(({ action }) => !action.includes("Namespace")).map(({ action }) => action);
  };

  it("numbers entries in the order of their births, without gaps", async () => {
    const before = await journal.lastSequence();
    await enter(await connect(), "a", 3);
    expect(await relay.numberNew()).to.equal(3);
    expect(await relay.numberNew()).to.equal(0);
    await enter(await connect(), "b", 2);
    expect(await relay.numberNew()).to.equal(2);
    const entries = await journal.read({ after: before, limit: 10 });
    expect(entries.map(({ action }) => action)).to.deep.equal(["a1", "a2", "a3", "b1", "b2"]);
    expect(entries.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4, 5].map((nth) => before + nth));
  });

  it("lets a transaction that stays open delay nothing but its own entries", async () => {
    const slow = await connect();
    await slow.query("BEGIN");
    await enter(slow, "slow");
    const quick = await connect();
    for (let i = 0; i < 5; i++) {
      await enter(quick, `quick${i}-`);
      expect(await relay.numberNew()).to.equal(1);
    }
    await slow.query("COMMIT");
    expect(await relay.numberNew()).to.equal(1);
    expect((await readActions()).at(-1)).to.equal("slow1");
  });

  it("gives no number to what is rolled back, nor to what a savepoint takes back", async () => {
    const client = await connect();
    await client.query("BEGIN");
    await enter(client, "lost");
    await client.query("ROLLBACK");
    await client.query("BEGIN");
    await enter(client, "kept");
    await client.query("SAVEPOINT s");
    await enter(client, "undone");
    await client.query("ROLLBACK TO s");
    await client.query("SAVEPOINT t");
    await enter(client, "inner");
    await client.query("RELEASE t");
    await client.query("COMMIT");
    await relay.numberNew();
    expect(await readActions()).to.deep.equal(["kept1", "inner1"]);
  });

  it("numbers each entry once when several relays run beside many writers", async () => {
    const random = createSeededRandom(7);
    const writers = await Promise.all(Array.from({ length: 8 }, connect));
    let isWriting = true;
    const write = async (client: Client, writer: number) => {
      for (let i = 0; i < 40; i++) {
        await client.query("BEGIN");
        for (let n = Math.floor(3 * random()); n >= 0; n--) await enter(client, `w${writer}-${i}-${n}-`);
        if (random() < 0.3) await client.query("SELECT pg_sleep(0.01)");
        await client.query(random() < 0.1 ? "ROLLBACK" : "COMMIT");
      }
    };
    const relays = Array.from({ length: 3 }, async () => {
      while (isWriting) await relay.numberNew();
    });
    await Promise.all(writers.map(write));
    isWriting = false;
    await Promise.all(relays);
    await relay.numberNew();
    const { rows } = await writers[0]!.query(
      `SELECT count(*)::int AS entries, (SELECT count(*)::int FROM journal_number) AS numbers,
         (SELECT count(DISTINCT sequence)::int FROM journal_number) AS sequences,
         (SELECT max(sequence)::int FROM journal_number) AS last
       FROM journal_entry`,
    );
    const [{ entries, numbers, sequences, last }] = rows;
    expect({ numbers, sequences, last }).to.deep.equal({ numbers: entries, sequences: entries, last: entries });
    // Entries of one writer are one after the other, as changes of one file are.
    const actions = await readActions();
    for (let writer = 0; writer < writers.length; writer++) {
      const own = actions.filter((action) => action.startsWith(`w${writer}-`));
      const places = own.map((action) => {
        const [, i = 0, n = 0] = action.split("-").map(Number);
        return 10 * i + (9 - n);
      });
      expect(places).to.deep.equal([...places].sort((a, b) => a - b));
    }
  });

  it("waits for a relay that is still at it, and then sees what that one has numbered", async () => {
    await enter(await connect(), "a", 2);
    const other = await connect();
    await other.query("BEGIN");
    await other.query("SELECT journal_number_new()");
    const waiting = relay.numberNew();
    await enter(await connect(), "b");
    await other.query("COMMIT");
    expect(await waiting).to.equal(1);
    expect(await readActions()).to.deep.equal(["a1", "a2", "b1"]);
  });

  it("numbers what is left in a cluster that counts transactions anew", async () => {
    const client = await connect();
    await enter(client, "numbered");
    await relay.numberNew();
    await enter(client, "left");
    // What a dump carries over: the tables, with snapshots of transactions that this cluster has not reached yet.
    await client.query(
      `INSERT INTO journal_look (snapshot, last_sequence)
       SELECT '9000000000000:9000000000000:'::pg_snapshot, last_sequence FROM journal_look ORDER BY look DESC LIMIT 1`,
    );
    expect(await relay.numberNew()).to.equal(1);
    await enter(client, "new");
    expect(await relay.numberNew()).to.equal(1);
    expect(await readActions()).to.deep.equal(["numbered1", "left1", "new1"]);
  });

  it("numbers no entry again whose transaction this cluster has not reached, or reaches anew", async () => {
    const client = await connect();
    const { rows } = await client.query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next");
    // What a dump carries over: an entry of a transaction that is far ahead, one of the next, and a snapshot ahead of both.
    for (const [action, xid] of [
      ["far", "9000000000000"],
      ["near", `${BigInt(rows[0].next) + 4n}`],
    ]) {
      await client.query(
        `INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind, xid)
         VALUES ('default', $1, 'done', 'file', 'dev', $2)`,
        [action, xid],
      );
    }
    await client.query(
      `INSERT INTO journal_look (snapshot, last_sequence)
       SELECT '9000000000001:9000000000001:'::pg_snapshot, last_sequence FROM journal_look ORDER BY look DESC LIMIT 1`,
    );
    expect(await relay.numberNew()).to.equal(2);
    for (let i = 0; i < 6; i++) {
      await enter(client, `new${i}-`);
      expect(await relay.numberNew()).to.equal(1);
    }
    expect(await readActions()).to.have.length(8);
  });

  it("refuses to number at another isolation level, where it would see too little", async () => {
    const client = await connect();
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const failure = await client.query("SELECT journal_number_new()").catch((error: Error) => error.message);
    expect(failure).to.include("read committed");
    await client.query("ROLLBACK");
  });

  it("makes the partitions of the months to come once, also when two make them at once", async () => {
    await subject.pools.commands.query(sql.unsafe`
      DROP TABLE ${sql.identifier([`journal_entry_${toMonth(1)}`])}, ${sql.identifier([`journal_number_${toMonth(1)}`])}`);
    const made = await Promise.all([relay.makePartitions(), relay.makePartitions()]);
    expect(made.sort()).to.deep.equal([0, 2]);
    expect(await relay.makePartitions()).to.equal(0);
  });

  it("makes the partitions of the service's own tables, whatever tables a caller puts before them", async () => {
    const client = await connect();
    await client.query(`DROP TABLE journal_entry_${toMonth(1)}`);
    await client.query("CREATE TEMP TABLE journal_entry (stranger text DEFAULT 'ran')");
    await client.query(`CREATE TEMP TABLE journal_entry_${toMonth(1)} (stranger text)`);
    const { rows } = await client.query("SELECT journal_make_partitions(2) AS made");
    expect(rows).to.deep.equal([{ made: 1 }]);
    expect(await relay.makePartitions()).to.equal(0);
  });
});

function toMonth(ahead: number): string {
  const now = new Date(fromNow(60_000).getTime() - 60_000);
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1))
    .toISOString()
    .slice(0, 7)
    .replace("-", "_");
}
