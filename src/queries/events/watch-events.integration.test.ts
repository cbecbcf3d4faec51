import { expect } from "chai";
import { Client } from "pg";
import type { Caller } from "../../domain/caller.ts";
import type { EventLog, EventStretch, JournalEvent } from "../../domain/journal/event-log.ts";
import type { JournalRelay } from "../../domain/journal/journal.ts";
import { createEventLog } from "../../postgres/journal/event-log.ts";
import { createJournalRelay } from "../../postgres/journal/journal-relay.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { EventFeed, FEED_LIMITS, type FeedLimits } from "./event-feed.ts";
import type { EventSight } from "./event-sight.ts";
import { type EventsRequest, listEvents } from "./list-events.ts";
import { type WatchMessage, watchEvents } from "./watch-events.ts";

const WHOLE: EventSight = { file: [""], upload: [""], link: [""], namespace: [""] };
const LIMITS: FeedLimits = { ...FEED_LIMITS, pollMs: 1, heartbeatMs: 60_000 };
/** Cuts of the watcher's connection, over which events are sent. */
const CUTS_MIN = 10;
const BACKOFF = { triesMax: 2, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 60_000, random: () => 1 };

/** The log of a test: it counts, and fails when it is told to. */
function observe(log: EventLog) {
  const seen = { bounds: 0, largest: 0, replays: 0, failure: undefined as Error | undefined };
  const observed: EventLog = {
    bounds: async () => {
      seen.bounds++;
      if (seen.failure !== undefined) throw seen.failure;
      return await log.bounds();
    },
    read: async (options) => {
      seen.replays++;
      const stretch = await log.read(options);
      seen.largest = Math.max(seen.largest, stretch.events.length);
      return stretch;
    },
    readAll: (options) => log.readAll(options),
  };
  return { log: observed, seen };
}

describe("watchEvents on PostgreSQL", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let relay: JournalRelay;
  let observed: ReturnType<typeof observe>;
  let feed: EventFeed;
  let client: Client;
  let open: AsyncGenerator<WatchMessage>[];

  const startFeed = (limits: Partial<FeedLimits> = {}) => {
    feed = new EventFeed({ log: observed.log, backoff: BACKOFF, limits: { ...LIMITS, ...limits } });
  };
  beforeEach(async () => {
    subject = await createPostgresSubject();
    relay = createJournalRelay(subject.pools.commands);
    await relay.numberNew();
    observed = observe(createEventLog(subject.pools.commands));
    client = new Client({ connectionString: subject.url });
    await client.connect();
    open = [];
    startFeed();
  });
  afterEach(async () => {
    await Promise.all(open.map((stream) => stream.return(undefined)));
    feed.drain();
    await client.end();
    await subject.close();
  });

  /** Enters as many deletions of one file, and nothing else. */
  const enter = async (path: string, times = 1, connection = client) => {
    await connection.query(
      `WITH entered AS (
         INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind, generation)
         SELECT 'default', 'DeleteFile', 'done', 'file', 'dev', i FROM generate_series(1, $2::integer) i
         RETURNING entry_id, entry_time
       )
       INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
       SELECT entry_id, entry_time, 'default', 'dev:local', $1 FROM entered`,
      [path, times],
    );
  };
  const request = (fields: Partial<EventsRequest & { onlyNew: boolean }> = {}) => ({
    ...{ namespace: "default", cursor: "", types: [], pathPrefix: "", onlyNew: false },
    ...fields,
  });
  const watch = (fields: Partial<EventsRequest & { onlyNew: boolean }> = {}, caller: Caller = SAMPLE_CALLER) => {
    const deps = { feed, namespaces: sampleNamespaces({}) };
    const stream = watchEvents(deps, request(fields), { caller, sight: () => WHOLE });
    open.push(stream);
    return stream;
  };
  /** The next messages of a watch, those with events alone. */
  const take = async (stream: AsyncGenerator<WatchMessage>, count: number) => {
    const taken: { event: JournalEvent; cursor: string }[] = [];
    while (taken.length < count) {
      const { value, done } = await stream.next();
      if (done === true) break;
      if (value.event !== undefined) taken.push({ event: value.event, cursor: value.cursor });
    }
    return taken;
  };
  const list = (cursor = "") =>
    listEvents(
      { log: observed.log, namespaces: sampleNamespaces({}) },
      { ...request({ cursor }), pageSize: 1000 },
      { sight: () => WHOLE },
    );
  const begin = async (fields: Parameters<typeof watch>[0] = {}, caller?: Caller) => {
    const stream = watch(fields, caller);
    const { value } = await stream.next();
    return { stream, first: value as WatchMessage };
  };

  it("sends each event once and in the order of each file, over cuts at seeded moments", async () => {
    const random = createSeededRandom(19);
    const writers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const connection = new Client({ connectionString: subject.url });
        await connection.connect();
        return connection;
      }),
    );
    const start = (await list()).cursor;
    let isWriting = true;
    let cuts = 0;
    const numbering = (async () => {
      while (isWriting) await relay.numberNew();
      await relay.numberNew();
    })();
    const writing = writers.map(async (connection, nth) => {
      // They go on until there were some cuts, however slow the watcher is.
      for (let change = 0; change < 60 || (cuts <= CUTS_MIN && change < 5000); change++) {
        await connection.query("BEGIN");
        await enter(`file/${nth}`, 1 + Math.floor(random() * 3), connection);
        if (random() < 0.3) await enter(`file/${nth}/deep`, 1, connection);
        await connection.query(random() < 0.1 ? "ROLLBACK" : "COMMIT");
      }
      await connection.end();
    });
    const told: { event: JournalEvent; cursor: string }[] = [];
    const writtenAll = Promise.all(writing).then(() => {
      isWriting = false;
      return numbering;
    });
    const following = (async () => {
      for (;;) {
        const { stream } = await begin({ cursor: told.at(-1)?.cursor ?? start });
        const count = 1 + Math.floor(random() * 12);
        const taken = await Promise.race([take(stream, count), writtenAll.then(() => [])]);
        told.push(...taken);
        if (taken.length === 0) return;
        // The service is gone, and with it all that it had in memory.
        await stream.return(undefined);
        if (random() < 0.3) startFeed({ recentMax: 4, stretchMax: 3 });
        cuts++;
      }
    })();
    await Promise.all([writtenAll, following]);
    for (let page = await list(told.at(-1)?.cursor ?? start); page.events.length > 0; page = await list(page.cursor))
      told.push(...page.events);
    const { rows } = await client.query(
      `SELECT n.sequence::integer, p.path, e.birth::integer FROM journal_number n JOIN journal_entry e USING (entry_time, entry_id)
       JOIN journal_personal p USING (entry_time, entry_id) WHERE n.namespace = 'default' AND p.path LIKE 'file/%' ORDER BY n.sequence`,
    );
    expect(cuts).to.be.above(CUTS_MIN);
    expect(told.map(({ event }) => event.sequence)).to.deep.equal(rows.map(({ sequence }) => sequence));
    for (const path of new Set(rows.map((row) => row.path))) {
      const births = rows.filter((row) => row.path === path).map(({ birth }) => birth);
      expect(births).to.deep.equal(births.toSorted((a, b) => a - b));
    }
  });

  it("holds a few events for a watcher who reads nothing, and sends all once they read", async () => {
    startFeed({ recentMax: 50, stretchMax: 20 });
    const { stream } = await begin({ onlyNew: true });
    const { stream: quick } = await begin({ onlyNew: true }, { ...SAMPLE_CALLER, principal: "dev:quick" });
    await enter("many", 1000);
    await relay.numberNew();
    expect(await take(quick, 1000)).to.have.length(1000);
    expect(observed.seen.largest).to.be.at.most(20);
    const taken = await take(stream, 1000);
    expect(taken.map(({ event }) => event.generation)).to.deep.equal(Array.from({ length: 1000 }, (_, i) => i + 1));
    expect(observed.seen.largest).to.equal(20);
  });

  it("asks the database once for all watchers, and not at all when nobody watches", async () => {
    startFeed({ pollMs: 20, callerShare: 1 });
    const streams = await Promise.all(Array.from({ length: 50 }, () => begin({ onlyNew: true })));
    const { replays } = observed.seen;
    await enter("one");
    await relay.numberNew();
    const taken = await Promise.all(streams.map(({ stream }) => take(stream, 1)));
    expect(new Set(taken.map(([first]) => first?.cursor)).size).to.equal(1);
    expect(observed.seen.replays - replays, "the watchers who came before the first poll").to.be.at.most(50);
    await Promise.all(streams.map(({ stream }) => stream.return(undefined)));
    const asked = observed.seen.bounds;
    await enter("two");
    await relay.numberNew();
    expect(feed.size).to.equal(0);
    expect(observed.seen.bounds).to.be.at.most(asked + 1);
  });

  describe("refuses with EVENTS_RESET", () => {
    const refusalOf = async (cursor: string) => {
      const errors = [await catchError(() => list(cursor)), await catchError(() => begin({ cursor }))];
      for (const error of errors) expect(error).to.include({ code: "failed_precondition", reason: "EVENTS_RESET" });
      return (errors[0] as Error).message;
    };

    it("a cursor ahead of the last event", async () => {
      const { cursor } = await list();
      const [origin, sequence] = cursor.split(".");
      expect(await refusalOf(`${origin}.${Number(sequence) + 1}`))
        .to.contain("the last one is")
        .and.contain("only_new");
    });

    it("a cursor whose next events are not kept, and takes the one before the first that is", async () => {
      await enter("old", 10);
      await relay.numberNew();
      const { events } = await list();
      const oldest = events.at(-3) as (typeof events)[number];
      await client.query("DELETE FROM journal_number WHERE sequence < $1", [oldest.event.sequence]);
      const message = await refusalOf(events.at(-5)?.cursor ?? "");
      expect(message).to.contain(`the first one that is kept is ${oldest.event.sequence}`);
      expect((await list(events.at(-4)?.cursor)).events).to.deep.equal(events.slice(-3));
      expect((await list()).events).to.deep.equal(events.slice(-3));
    });

    it("a cursor behind which some events are kept, and others were dropped with an older month", async () => {
      await enter("months", 10);
      await relay.numberNew();
      const { events } = await list();
      const dropped = events.at(-4) as (typeof events)[number];
      await client.query("DELETE FROM journal_number WHERE sequence = $1", [dropped.event.sequence]);
      await client.query("INSERT INTO journal_dropped (last_sequence) VALUES ($1)", [dropped.event.sequence]);
      await refusalOf(events.at(-5)?.cursor ?? "");
      expect((await list(dropped.cursor)).events).to.deep.equal(events.slice(-3));
      expect((await list()).events).to.deep.equal(events.slice(-3));
    });

    it("a watcher who was so slow that events were dropped meanwhile", async () => {
      startFeed({ recentMax: 5, stretchMax: 5 });
      const { stream } = await begin({ onlyNew: true });
      await enter("dropped", 100);
      await relay.numberNew();
      await take(stream, 1);
      await client.query("DELETE FROM journal_number WHERE sequence < (SELECT max(sequence) FROM journal_number)");
      expect(await catchError(() => take(stream, 100))).to.include({ reason: "EVENTS_RESET" });
    });

    /** Drops all events but the newest one right before the log's method reads. */
    const dropBefore = (method: "read" | "readAll") => {
      const { log } = observed;
      const read = log[method] as (options: never) => Promise<EventStretch>;
      log[method] = async (options: never) => {
        await client.query("DELETE FROM journal_number WHERE sequence < (SELECT max(sequence) FROM journal_number)");
        return await read(options);
      };
    };

    it("a watcher whose events are dropped after it has asked which ones are kept", async () => {
      const { cursor } = await list();
      await enter("dropped", 5);
      await relay.numberNew();
      dropBefore("read");
      expect(await catchError(() => take(watch({ cursor }), 5))).to.include({ reason: "EVENTS_RESET" });
    });

    it("a watcher whose events are dropped after the poll has asked which ones are kept", async () => {
      const { stream } = await begin({ onlyNew: true });
      // One by the watcher, and the next by polls.
      await until("a poll has ended", () => observed.seen.bounds >= 3);
      dropBefore("readAll");
      await enter("dropped", 5);
      await relay.numberNew();
      expect(await catchError(() => take(stream, 5))).to.include({ reason: "EVENTS_RESET" });
    });

    it("cursors and watchers of a database that was restored", async () => {
      await enter("before");
      await relay.numberNew();
      const { cursor } = await list();
      const { stream } = await begin({ cursor });
      // So it is after a restore: the row says another cluster, timeline or database than this one.
      await client.query("UPDATE journal_origin SET made_by = 'another/1/1'");
      expect(await catchError(() => take(stream, 1))).to.include({ reason: "EVENTS_RESET" });
      expect(await refusalOf(cursor)).to.contain("it is of another feed");
      const anew = await list();
      expect(anew.events.at(-1)?.event.path).to.equal("before");
      expect(anew.cursor.split(".")[0]).to.not.equal(cursor.split(".")[0]);
      const { rows } = await client.query("SELECT count(*)::integer AS origins FROM journal_origin");
      expect(rows).to.deep.equal([{ origins: 2 }]);
    });
  });

  it("keeps watchers of a database that does not tell its cluster", async () => {
    await client.query("ALTER FUNCTION journal_here() RENAME TO journal_here_then");
    await client.query(
      "CREATE FUNCTION journal_here() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'unknown/' || oid FROM pg_database WHERE datname = current_database() $$",
    );
    const { cursor } = await list();
    await enter("then");
    await relay.numberNew();
    const { stream } = await begin({ cursor });
    expect((await take(stream, 1)).map(({ event }) => event.path)).to.deep.equal(["then"]);
  });

  it("moves the cursor on while nothing happens, and over what the filter leaves out", async () => {
    startFeed({ heartbeatMs: 1 });
    const { stream, first } = await begin({ onlyNew: true, pathPrefix: "wanted/" });
    await enter("other/a", 3);
    await relay.numberNew();
    const sequenceOf = (cursor: string) => Number(cursor.split(".")[1]);
    const reached = await until("the cursor moves on", async () => {
      const { value } = await stream.next();
      return sequenceOf((value as WatchMessage).cursor) === sequenceOf(first.cursor) + 3 && (value as WatchMessage);
    });
    expect(reached.event).to.equal(undefined);
  });

  it("refuses a caller above their share, and takes another one", async () => {
    startFeed({ watchersMax: 10 });
    await begin();
    await begin();
    expect(await catchError(() => begin())).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    await begin({}, { ...SAMPLE_CALLER, principal: "dev:other" });
    expect(feed.size).to.equal(3);
  });

  it("ends every watch when the server stops, and when the database stays away", async () => {
    const { stream } = await begin({ onlyNew: true });
    observed.seen.failure = Object.assign(new Error("away"), { code: "unavailable" });
    expect(await catchError(() => take(stream, 1))).to.equal(observed.seen.failure);
    observed.seen.failure = undefined;
    const { stream: next } = await begin({ onlyNew: true });
    const taking = catchError(() => take(next, 1));
    feed.drain();
    expect(await taking).to.include({ code: "unavailable", reason: "SHUTTING_DOWN" });
    expect(await catchError(() => begin())).to.include({ reason: "SHUTTING_DOWN" });
  });
});
