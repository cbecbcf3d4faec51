-- The journal: everything that happened, once, in an order. A command writes its entry in the statement that makes its change,
-- and no entry is ever updated. Entries become visible out of the order in which they were written, so the relay numbers them
-- once they are visible: sequence numbers without gaps, for all namespaces of the service.

-- Draws a UUIDv7 (RFC 9562, 5.7) by the database's clock.
CREATE FUNCTION journal_entry_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Drawn under the lock of the row that an entry is about: entries of one file have the order of its changes.
CREATE SEQUENCE journal_birth;

CREATE TABLE journal_entry (
  entry_id uuid NOT NULL DEFAULT journal_entry_id(),
  -- When the transaction began. It decides the partition, and nothing else.
  entry_time timestamptz NOT NULL DEFAULT now(),
  birth bigint NOT NULL DEFAULT nextval('journal_birth'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- Empty: of the service as a whole. No foreign key: entries outlive the namespaces that they are about.
  namespace text COLLATE "C" NOT NULL,
  -- The name of the method, or of what the service did by itself.
  action text COLLATE "C" NOT NULL,
  -- 'done', or the reason why it was refused or failed.
  outcome text COLLATE "C" NOT NULL,
  resource_kind text NOT NULL CHECK (resource_kind IN ('file', 'upload', 'link', 'upload-token', 'namespace', 'subscription', 'prefix',
    'service')),
  resource_id uuid,
  generation bigint,
  -- How the caller proved who it was; 'link' of those who use one, 'none' of callers without
  -- identity, 'service' of what the service does by the clock.
  token_kind text NOT NULL,
  -- The upload token by which a caller used the right of its issuer.
  token_id uuid,
  request_id uuid,
  trace_id text,
  -- The span of the call in that trace, where it is recorded: what comes of the entry later is linked to it.
  span_id text,
  -- When it happened, or the first of what the entry sums; NULL: at entry_time.
  first_time timestamptz,
  -- How often it happened: reads of ten seconds are one entry.
  times bigint NOT NULL DEFAULT 1 CHECK (times >= 1),
  PRIMARY KEY (entry_time, entry_id)
) PARTITION BY RANGE (entry_time);
CREATE INDEX journal_entry_xid ON journal_entry (xid);
-- Whoever erases a person finds the entries by what they are about.
CREATE INDEX journal_entry_resource ON journal_entry (namespace, resource_id) WHERE resource_id IS NOT NULL;

-- What may be about a person. Only from here something is ever deleted; the salt keeps anybody from guessing what it was.
CREATE TABLE journal_personal (
  entry_id uuid NOT NULL,
  entry_time timestamptz NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
  actor text COLLATE "C" NOT NULL,
  -- The session of the actor, where the token names one.
  session text NOT NULL DEFAULT '',
  address text NOT NULL DEFAULT '',
  path text COLLATE "C" NOT NULL DEFAULT '',
  -- Where a file was before it was moved, or what it is a copy of.
  source_path text COLLATE "C" NOT NULL DEFAULT '',
  data_subject text COLLATE "C" NOT NULL DEFAULT '',
  before jsonb,
  after jsonb,
  -- What the audit log hashes behind the salt: the columns above as they were entered, in the names of the API's AuditEntry. It is kept
  -- and never made again, because another version of PostgreSQL may write jsonb in another way.
  hashed_bytes bytea NOT NULL,
  PRIMARY KEY (entry_time, entry_id)
) PARTITION BY RANGE (entry_time);
CREATE FUNCTION journal_keep_hashed_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.hashed_bytes := convert_to(jsonb_build_object('actor', NEW.actor, 'session', NEW.session, 'address', NEW.address, 'path', NEW.path,
    'sourcePath', NEW.source_path, 'dataSubject', NEW.data_subject, 'before', NEW.before, 'after', NEW.after)::text, 'UTF8');
  RETURN NEW;
END
$$;
CREATE TRIGGER journal_keep_hashed_bytes BEFORE INSERT ON journal_personal
  FOR EACH ROW WHEN (NEW.hashed_bytes IS NULL) EXECUTE FUNCTION journal_keep_hashed_bytes();
CREATE INDEX journal_personal_data_subject ON journal_personal (namespace, data_subject) WHERE data_subject <> '';
-- Entries that say that a file was about somebody until then.
CREATE INDEX journal_personal_former_subject ON journal_personal (namespace, (before ->> 'data_subject'))
  WHERE before ->> 'data_subject' <> '';

-- The order of the entries. A number is given once, and never taken back.
CREATE TABLE journal_number (
  sequence bigint NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  entry_id uuid NOT NULL,
  entry_time timestamptz NOT NULL,
  PRIMARY KEY (entry_time, entry_id)
) PARTITION BY RANGE (entry_time);
CREATE INDEX journal_number_sequence ON journal_number (sequence);
CREATE INDEX journal_number_namespace ON journal_number (namespace, sequence);

-- What the audit log says of an entry, made once behind its number, where a log is published: an entry of the log is
-- SHA-256(salt || public_bytes || personal_hash), at the place sequence - 1. It holds nothing about a person, and outlives journal_personal.
CREATE TABLE journal_leaf (
  sequence bigint NOT NULL,
  entry_id uuid NOT NULL,
  entry_time timestamptz NOT NULL,
  salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
  -- What journal_entry and journal_number say, as JSON.
  public_bytes bytea NOT NULL,
  -- SHA-256(journal_personal.salt || journal_personal.hashed_bytes); 32 zero bytes where these were erased before.
  personal_hash bytea NOT NULL,
  PRIMARY KEY (entry_time, entry_id)
) PARTITION BY RANGE (entry_time);
CREATE INDEX journal_leaf_sequence ON journal_leaf (sequence);

-- The log that is published; the row with the highest number counts.
CREATE TABLE journal_log (
  -- 0 of the first log. An operator lets another one begin when the database was restored to a time before the last checkpoint.
  fork integer PRIMARY KEY CHECK (fork >= 0),
  -- How many entries the last checkpoint has that was published from here.
  published bigint NOT NULL DEFAULT 0,
  -- Why nothing is published at the moment.
  problem text
);

-- What the relay saw when it gave numbers last; a row a time, because a row that is updated grows dead versions for as long as
-- any snapshot is held.
CREATE TABLE journal_look (
  look bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  snapshot pg_snapshot NOT NULL,
  last_sequence bigint NOT NULL,
  look_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO journal_look (snapshot, last_sequence) VALUES (pg_current_snapshot(), 0);

-- Whoever gives numbers holds this row until the numbers are committed.
CREATE TABLE journal_relay (is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only));
INSERT INTO journal_relay DEFAULT VALUES;

-- Whose numbers these are. A database that was restored from a backup, or a standby that has taken over, may give numbers once more:
-- that is another feed, and whoever goes by cursors of the earlier one has to hear that. The newest row counts.
CREATE TABLE journal_origin (
  origin_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  birth bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
  -- The cluster and its timeline, and the database in it; 'unknown' in place of the first two where the database does not tell them.
  made_by text COLLATE "C" NOT NULL,
  origin_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The highest number of each month that was dropped. An entry of a dropped month may have a higher number than one of a month that is kept:
-- its transaction began in the one and was committed in the other.
CREATE TABLE journal_dropped (last_sequence bigint PRIMARY KEY);

-- Who has the events of a namespace delivered, and how far. The deliverer moves "sequence" once the receiver has confirmed.
CREATE TABLE subscription (
  namespace text COLLATE "C" NOT NULL REFERENCES namespace (name),
  subscription_id uuid NOT NULL,
  -- Who made it.
  principal text COLLATE "C" NOT NULL,
  receiver_kind text NOT NULL CHECK (receiver_kind IN ('webhook', 'event-bus')),
  -- The URL of a webhook, or the ARN of a bus.
  receiver text COLLATE "C" NOT NULL,
  -- What signs requests to a webhook, sealed by a key that the database does not have; NULL for a bus.
  secret bytea,
  -- The secret before that, which signs as well until then.
  former_secret bytea,
  former_secret_until timestamptz,
  -- Empty: all.
  types text[] NOT NULL,
  path_prefix text COLLATE "C" NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- 'dead' is what the service has ended; state_reason says why.
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'dead')),
  state_reason text NOT NULL DEFAULT '',
  state_time timestamptz NOT NULL DEFAULT now(),
  -- The cursor: all events of this feed up to this number are delivered.
  origin_id uuid NOT NULL,
  sequence bigint NOT NULL,
  -- When something was delivered last, or there was nothing to deliver.
  progress_time timestamptz NOT NULL DEFAULT now(),
  -- Failures of the event behind the cursor, in a row, and since when.
  failures integer NOT NULL DEFAULT 0,
  first_failure_time timestamptz,
  last_failure_time timestamptz,
  failure text NOT NULL DEFAULT '',
  -- Since when nothing at all was delivered.
  failing_since timestamptz,
  next_time timestamptz NOT NULL DEFAULT now(),
  -- One replica at a time delivers. Each one that takes the subscription, and each change of it, raises the epoch, which ends the right
  -- of whoever had it before.
  epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Who took it last, and when: for operators. Empty and null until somebody has.
  holder text NOT NULL DEFAULT '',
  lease_time timestamptz,
  PRIMARY KEY (namespace, subscription_id)
);

-- Events that a receiver does not take; the cursor has gone on without them.
CREATE TABLE dead_letter (
  namespace text COLLATE "C" NOT NULL,
  subscription_id uuid NOT NULL,
  sequence bigint NOT NULL,
  entry_id uuid NOT NULL,
  failures integer NOT NULL,
  failure text NOT NULL,
  letter_time timestamptz NOT NULL DEFAULT now(),
  -- Whether it is to be sent again.
  is_wanted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (namespace, subscription_id, sequence),
  FOREIGN KEY (namespace, subscription_id) REFERENCES subscription ON DELETE CASCADE
);

-- Where the numbers are given now, in the form of journal_origin.made_by. With the owner's rights, so that everybody gets the same answer:
-- two different ones, by turns, would be one origin after the other.
CREATE FUNCTION journal_here() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own text := (SELECT d.oid::text FROM pg_database d WHERE d.datname = current_database());
BEGIN
  RETURN (SELECT format('%s/%s/%s', s.system_identifier, c.timeline_id, own) FROM pg_control_system() s, pg_control_checkpoint() c);
EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
  RETURN 'unknown/' || own;
END
$$;

-- The origin of the numbers that are given here; a new one when this is not where the last ones were given.
CREATE FUNCTION journal_origin_here() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  here text := journal_here();
  known journal_origin;
BEGIN
  SELECT * INTO known FROM journal_origin ORDER BY birth DESC LIMIT 1;
  IF known.made_by = here THEN RETURN known.origin_id; END IF;
  -- Of two who notice it at once, one makes the origin.
  PERFORM FROM journal_relay FOR UPDATE;
  SELECT * INTO known FROM journal_origin ORDER BY birth DESC LIMIT 1;
  IF known.made_by IS DISTINCT FROM here THEN
    INSERT INTO journal_origin (made_by) VALUES (here) RETURNING * INTO known;
  END IF;
  RETURN known.origin_id;
END
$$;

-- Numbers all entries that have become visible since the last look, in the order of their births, and returns how many those
-- were. Each statement of a function sees what is committed when the statement begins, so the entries are looked at after the
-- lock: of two relays the second sees what the first has numbered. Without statistics the planner takes a third of all entries for new,
-- and would read all of them.
-- One plan for all calls: it leaves out the branch that does not apply, and is not made anew each time.
CREATE FUNCTION journal_number_new() RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  seen pg_snapshot;
  last bigint;
  is_carried boolean;
  numbered bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'journal_number_new needs the isolation level "read committed"';
  END IF;
  PERFORM FROM journal_relay FOR UPDATE;
  PERFORM journal_origin_here();
  SELECT l.snapshot, l.last_sequence INTO seen, last FROM journal_look l ORDER BY l.look DESC LIMIT 1;
  -- The tables were carried into another cluster, which counts transactions anew: the old snapshot says nothing there.
  is_carried := pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(seen);
  WITH fresh AS (
    SELECT e.entry_id, e.entry_time, e.namespace, e.birth FROM (
      SELECT i.* FROM journal_entry i
      WHERE NOT is_carried AND i.xid >= pg_snapshot_xmax(seen) AND i.xid < pg_snapshot_xmax(pg_current_snapshot())
      UNION ALL
      SELECT i.* FROM journal_entry i WHERE NOT is_carried AND i.xid = ANY (ARRAY(SELECT pg_snapshot_xip(seen)))
      UNION ALL
      SELECT i.* FROM journal_entry i WHERE is_carried
    ) e
    -- Entries that were carried from another cluster have their numbers, and transactions that this one reaches later or anew.
    -- OFFSET, so that each entry is looked up by its key: the planner would rather read all numbers.
    WHERE NOT EXISTS (SELECT FROM journal_number n WHERE n.entry_time = e.entry_time AND n.entry_id = e.entry_id OFFSET 0)
  ), given AS (
    INSERT INTO journal_number (sequence, namespace, entry_id, entry_time)
    SELECT last + row_number() OVER (ORDER BY f.birth), f.namespace, f.entry_id, f.entry_time FROM fresh f
    RETURNING sequence
  )
  INSERT INTO journal_look (snapshot, last_sequence)
  SELECT pg_current_snapshot(), last + count(*) FROM given HAVING is_carried OR count(*) > 0
  RETURNING last_sequence - last INTO numbered;
  RETURN coalesce(numbered, 0);
END
$$;

-- Makes the partitions of the months from this one on: CREATE TABLE and ATTACH, because CREATE TABLE PARTITION OF would keep
-- everybody from writing meanwhile. Months by UTC. Two that run at once take turns.
CREATE FUNCTION journal_make_partitions(months_ahead integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  month timestamp;
  parent text;
  partition text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('sluice/journal-partitions', 0));
  FOR i IN 0..least(months_ahead, 24) LOOP
    month := first + make_interval(months => i);
    FOREACH parent IN ARRAY ARRAY['journal_entry', 'journal_personal', 'journal_number', 'journal_leaf'] LOOP
      partition := parent || to_char(month, '_YYYY_MM');
      CONTINUE WHEN to_regclass(format('%I.%I', current_schema(), partition)) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
        month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$;
-- It runs with the rights of whoever migrates, so it looks in the journal's schema first. Where a path does not say when, PostgreSQL
-- looks among the caller's temporary tables before all schemas, and would copy the defaults of a caller's table.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION journal_make_partitions(integer) SET search_path = %I, pg_temp', current_schema());
END
$$;
SELECT journal_make_partitions(2);

-- Drops the partitions of the months that ended longer than "kept" ago, and returns how many months those were. A month stays when
-- one of its entries has no number, or is not published where "only_published" says so, while a transaction is open that began before its
-- end, or while a subscription is still to deliver events of it: for 7 days at most, which a receiver that is away has as well. Whoever is to
-- be dropped is locked first: nobody writes into it from then on. A lock that is not free within 100 ms is left to another try, because everybody who
-- writes into the journal waits behind whoever waits for it.
CREATE FUNCTION journal_drop_partitions(kept interval, only_published boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '100ms' AS $$
DECLARE
  month text;
  month_end timestamptz;
  has_left boolean;
  last bigint;
  dropped integer := 0;
BEGIN
  IF kept < interval '30 days' THEN
    RAISE EXCEPTION 'journal_drop_partitions keeps 30 days at least, and was told to keep %', kept;
  END IF;
  -- The relay reads the last look alone.
  DELETE FROM journal_look WHERE look < (SELECT max(look) - 1000 FROM journal_look);
  FOR month IN
    SELECT right(c.relname, 7) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'journal_entry'::regclass ORDER BY c.relname
  LOOP
    month_end := (to_date(month, 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC';
    EXIT WHEN month_end > now() - kept;
    EXIT WHEN EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.xact_start < month_end);
    BEGIN
      EXECUTE format('LOCK TABLE %I, %I, %I, %I IN SHARE MODE',
        'journal_entry_' || month, 'journal_personal_' || month, 'journal_number_' || month, 'journal_leaf_' || month);
      EXECUTE format('SELECT EXISTS (SELECT FROM %I e WHERE NOT EXISTS (
          SELECT FROM %I n WHERE n.entry_time = e.entry_time AND n.entry_id = e.entry_id))',
        'journal_entry_' || month, 'journal_number_' || month) INTO has_left;
      EXIT WHEN has_left;
      EXECUTE format('SELECT max(sequence) FROM %I', 'journal_number_' || month) INTO last;
      EXIT WHEN only_published AND last > coalesce((SELECT g.published FROM journal_log g ORDER BY g.fork DESC LIMIT 1), 0);
      EXIT WHEN month_end > now() - kept - interval '7 days' AND EXISTS (
        SELECT FROM subscription s WHERE s.state <> 'dead' AND s.origin_id = journal_origin_here() AND s.sequence < last);
      -- Cursors before this number are refused: entries of the month may have numbers behind those of the next one's first.
      INSERT INTO journal_dropped SELECT last WHERE last IS NOT NULL ON CONFLICT DO NOTHING;
      DELETE FROM dead_letter WHERE sequence <= last;
      EXECUTE format('DROP TABLE %I, %I, %I, %I',
        'journal_entry_' || month, 'journal_personal_' || month, 'journal_number_' || month, 'journal_leaf_' || month);
      dropped := dropped + 1;
    EXCEPTION WHEN lock_not_available THEN
      EXIT;
    END;
  END LOOP;
  RETURN dropped;
END
$$;

-- Erasures of people. The row of one that has ended says no name.
CREATE TABLE erasure (
  namespace text COLLATE "C" NOT NULL,
  erasure_id uuid NOT NULL,
  -- Who asked for it, and by which request: the same request again is the same erasure.
  principal text COLLATE "C" NOT NULL,
  token_kind text NOT NULL,
  request_id uuid NOT NULL,
  -- Whom it is about, until it has ended; empty of one that is done again after a restore, which goes by ids.
  data_subject text COLLATE "C" NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  end_time timestamptz,
  -- What has become of it.
  files_erased bigint NOT NULL DEFAULT 0,
  uploads_erased bigint NOT NULL DEFAULT 0,
  links_erased bigint NOT NULL DEFAULT 0,
  entries_redacted bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (namespace, erasure_id),
  UNIQUE (namespace, principal, request_id),
  CHECK (end_time IS NULL OR data_subject = '')
);
CREATE INDEX erasure_end_time ON erasure (namespace, end_time);

-- What an erasure has found, by ids alone. 'held': a legal hold or storage keeps the bytes, and so the file stays.
CREATE TABLE erasure_resource (
  namespace text COLLATE "C" NOT NULL,
  erasure_id uuid NOT NULL,
  resource_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('file', 'upload', 'link')),
  state text NOT NULL DEFAULT 'found' CHECK (state IN ('found', 'held', 'erased')),
  PRIMARY KEY (namespace, erasure_id, resource_id),
  FOREIGN KEY (namespace, erasure_id) REFERENCES erasure (namespace, erasure_id)
);

-- Deletes the personal parts of at most 1,000 entries for an erasure that runs, or that ended within the hour: entries of reads are written
-- late. It enters which entries those were, and the service's role deletes none in any other way, so no entry loses its part without
-- another that says so. Returns how many had one.
CREATE FUNCTION journal_erase(owner text, erasing uuid, times timestamptz[], ids uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  gone uuid[];
BEGIN
  PERFORM FROM erasure e WHERE e.namespace = owner AND e.erasure_id = erasing
    AND (e.end_time IS NULL OR e.end_time > now() - interval '1 hour') FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'journal_erase needs an erasure that runs in namespace %, and % is none', owner, erasing;
  END IF;
  IF cardinality(ids) > 1000 OR cardinality(ids) <> cardinality(times) THEN
    RAISE EXCEPTION 'journal_erase takes at most 1000 entries, each with its time';
  END IF;
  WITH deleted AS (
    -- In the order of the keys: an entry may be about two people who are erased at once.
    DELETE FROM journal_personal p USING (
      SELECT o.entry_time, o.entry_id FROM journal_personal o
        JOIN unnest(times, ids) AS k (entry_time, entry_id) ON o.entry_time = k.entry_time AND o.entry_id = k.entry_id
      WHERE o.namespace = owner ORDER BY 1, 2 FOR UPDATE OF o
    ) g
    WHERE p.entry_time = g.entry_time AND p.entry_id = g.entry_id
    RETURNING p.entry_id
  )
  SELECT array_agg(d.entry_id ORDER BY d.entry_id) INTO gone FROM deleted d;
  IF gone IS NULL THEN RETURN 0; END IF;
  WITH entered AS (
    INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
    VALUES (owner, 'RedactEntries', 'done', 'namespace', 'service')
    RETURNING entry_id, entry_time
  )
  INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, after)
  SELECT e.entry_id, e.entry_time, owner, 'service', jsonb_build_object('erasure_id', erasing, 'entry_ids', to_jsonb(gone))
  FROM entered e;
  UPDATE erasure e SET entries_redacted = e.entries_redacted + cardinality(gone)
  WHERE e.namespace = owner AND e.erasure_id = erasing;
  RETURN cardinality(gone);
END
$$;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION journal_erase(text, uuid, timestamptz[], uuid[]) SET search_path = %I, pg_temp', current_schema());
END
$$;

-- Gives a role what the service needs, and no more: it can neither change nor delete entries, nor any table's form. Partitions have
-- no rights of their own: who writes into the journal does so by its tables.
REVOKE EXECUTE ON FUNCTION journal_make_partitions, journal_drop_partitions, journal_erase FROM PUBLIC;
CREATE FUNCTION grant_to_service(service_role text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  schema text := current_schema();
  relation text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, service_role);
  EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I', schema, service_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION journal_make_partitions, journal_drop_partitions, journal_erase TO %I', service_role);
  FOR relation IN
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = schema::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    EXECUTE format('GRANT %s ON %I TO %I', CASE
      WHEN relation = 'flyway_schema_history' THEN 'SELECT'
      WHEN relation IN ('journal_entry', 'journal_personal', 'journal_number', 'journal_leaf', 'journal_look') THEN 'SELECT, INSERT'
      ELSE 'SELECT, INSERT, UPDATE, DELETE'
    END, relation, service_role);
  END LOOP;
END
$$;

-- Commit positions: whoever has just committed inserts a mark. Marks become visible on a replica after all that was committed
-- before they were drawn, so a replica that shows this mark, or a greater one, shows the change.
CREATE SEQUENCE journal_mark_number;
CREATE TABLE journal_mark (
  mark bigint PRIMARY KEY,
  mark_time timestamptz NOT NULL DEFAULT now()
);
