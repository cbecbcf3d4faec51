-- Paths compare by bytes (COLLATE "C"), so that listing order is the same everywhere and prefix scans use the index.

CREATE TABLE namespace (
  name text COLLATE "C" PRIMARY KEY,
  bucket text NOT NULL,
  region text NOT NULL,
  key_prefix text NOT NULL,
  allowed_regions text[] NOT NULL,
  file_size_max_bytes bigint NOT NULL CHECK (file_size_max_bytes > 0),
  -- How long deleted and superseded generations can be restored, and how long new ones are retained at least.
  retention_ms bigint NOT NULL CHECK (retention_ms > 0),
  retain_default_ms bigint NOT NULL CHECK (retain_default_ms >= 0),
  download_url_lifetime_max_ms bigint NOT NULL CHECK (download_url_lifetime_max_ms > 0),
  part_url_lifetime_max_ms bigint NOT NULL CHECK (part_url_lifetime_max_ms > 0),
  link_lifetime_max_ms bigint NOT NULL CHECK (link_lifetime_max_ms > 0),
  -- Whether answers wait until the journal says them.
  audit text NOT NULL CHECK (audit IN ('best-effort', 'required')),
  -- Quotas of all callers together, and of each principal; null: none.
  requests_per_second_max bigint CHECK (requests_per_second_max > 0),
  bytes_per_day_max bigint CHECK (bytes_per_day_max >= 0),
  stored_bytes_max bigint CHECK (stored_bytes_max >= 0),
  principal_requests_per_second_max bigint CHECK (principal_requests_per_second_max > 0),
  principal_bytes_per_day_max bigint CHECK (principal_bytes_per_day_max >= 0),
  principal_stored_bytes_max bigint CHECK (principal_stored_bytes_max >= 0),
  -- Who may do what: [{"member": {"principal" or "group": name}, "roles": [role], "prefixes": [prefix]}].
  grants jsonb NOT NULL DEFAULT '[]',
  -- The number of the last change, of all changes of namespaces.
  version bigint NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  update_time timestamptz NOT NULL DEFAULT now(),
  -- A deleted namespace stays as a tombstone, so that its name is never used again.
  delete_time timestamptz,
  CHECK (region = ANY (allowed_regions))
);
-- Not unique, although no two are equal: a change of a column that a unique index has waits for all who refer to the row, and they for it.
CREATE INDEX namespace_changed ON namespace (version);
-- The number of the last change of a namespace. Whoever changes one holds this row until the change is committed: changes become
-- visible in the order of their numbers.
CREATE TABLE namespace_version (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  version bigint NOT NULL
);
INSERT INTO namespace_version (version) VALUES (0);

-- The words of a path and of the values of metadata. The service splits what is searched for likewise
-- (domain/files/search-words.ts). Ranges of characters and ICU's lower case, so that it is the same in every locale; no parser of
-- PostgreSQL's, which takes paths and hosts for one word. In PL/pgSQL, which keeps its plan for the session: a function in SQL is parsed and
-- planned anew for each statement, which takes four times as long.
CREATE FUNCTION file_search(path text, metadata jsonb) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN array_to_tsvector(ARRAY(
    SELECT left(word, 64)
    FROM regexp_split_to_table(
      lower(normalize(concat_ws(' ', path, (SELECT string_agg(e.value, ' ') FROM jsonb_each_text(metadata) e))) COLLATE "und-x-icu"),
      '[^a-z0-9\u00aa-\u1fff\u2c00-\u2fef\u3040-\U0010ffff]+'
    ) word
    WHERE word <> ''
  ));
END
$$;

-- One generation of a file a row. Live: neither superseded by a later generation nor deleted.
CREATE TABLE file (
  file_id uuid NOT NULL,
  namespace text COLLATE "C" NOT NULL REFERENCES namespace (name),
  path text COLLATE "C" NOT NULL,
  generation bigint NOT NULL CHECK (generation >= 1),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  crc32 bigint NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
  sha256 bytea CHECK (octet_length(sha256) = 32),
  content_type text NOT NULL,
  metadata jsonb NOT NULL,
  bucket text NOT NULL,
  region text NOT NULL,
  -- In the order of S3's listings, with which it is compared.
  s3_key text COLLATE "C" NOT NULL,
  s3_version_id text NOT NULL,
  etag text NOT NULL,
  principal text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  update_time timestamptz NOT NULL DEFAULT now(),
  supersede_time timestamptz,
  delete_time timestamptz,
  purge_time timestamptz,
  -- What callers say of a file beside its bytes, and what changes with it.
  labels jsonb NOT NULL DEFAULT '{}',
  data_subject text COLLATE "C" NOT NULL DEFAULT '',
  -- Counts the changes of the row from 1, so that a caller can tell whether it was changed since it was read.
  metageneration bigint NOT NULL DEFAULT 1 CHECK (metageneration >= 1),
  -- Stored, because a walk over many files must not split their texts each time.
  search_words tsvector NOT NULL GENERATED ALWAYS AS (file_search(path, metadata)) STORED,
  -- How a file ends: what keeps its bytes, and how far their removal is.
  legal_hold boolean NOT NULL DEFAULT false,
  -- Whether storage, too, holds the object, or not, as legal_hold says: false while that may be otherwise. Null: storage was never
  -- asked to, or the bucket has no Object Lock.
  hold_settled boolean,
  retain_until_time timestamptz,
  -- 'purging': the bytes are being removed from storage, and may be gone. 'purged': they are, and with them what was said of
  -- them; the row stays as a tombstone, and purge_time says when.
  purge_state text CHECK (purge_state IN ('purging', 'purged')),
  PRIMARY KEY (namespace, file_id),
  -- A key holds a UUID, so the namespace makes no difference; every unique key has it, because PostgreSQL asks for that where the
  -- table is partitioned by namespace.
  UNIQUE (bucket, s3_key, namespace),
  CONSTRAINT file_purge_state CHECK (purge_state IS NULL OR (
    purge_time IS NOT NULL AND NOT legal_hold AND (supersede_time IS NOT NULL OR delete_time IS NOT NULL)))
);
CREATE UNIQUE INDEX file_live_path ON file (namespace, path) WHERE supersede_time IS NULL AND delete_time IS NULL;
-- Generations of a path are found by this one. Its operator class is none that orders paths: the planner would take it for
-- lists otherwise, and step over any number of superseded and deleted generations.
CREATE UNIQUE INDEX file_path_generation ON file (namespace, path text_pattern_ops, generation);
-- What is to be purged, by when it may be, the removals that a crash has left among them: the purge job reads from the front
-- of it, and passes over nothing.
CREATE INDEX file_purgeable ON file (namespace, greatest(purge_time, retain_until_time), file_id)
  WHERE purge_time IS NOT NULL AND NOT legal_hold AND purge_state IS DISTINCT FROM 'purged';
-- The holds that storage is to be told once more: the job that does so reads all of it.
CREATE INDEX file_unsettled_hold ON file (namespace, file_id) WHERE hold_settled = false AND purge_state IS NULL;

-- What is used of a namespace (principal '') and by each principal in it, whether or not there are quotas, so that a quota that
-- is set holds at once. Each sum lies in 16 slots, and a command changes one of them, as its last step: commands at the same
-- time wait for one another rarely, and never in a circle.
CREATE TABLE usage_slot (
  namespace text COLLATE "C" NOT NULL REFERENCES namespace (name),
  principal text COLLATE "C" NOT NULL,
  slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  -- Bytes of the generations that are not purged. One slot alone may be below 0: a purge need not meet the slot of the commit.
  stored_bytes bigint NOT NULL,
  -- The last day, in UTC, that bytes came, and how many came.
  day date NOT NULL,
  day_bytes bigint NOT NULL CHECK (day_bytes >= 0),
  PRIMARY KEY (namespace, principal, slot)
-- What changes is in no index, so updates stay on their page (HOT), which keeps room for them.
) WITH (fillfactor = 50);

-- What the quotas of a namespace leave to a principal, in bytes: of storage, and of the day. Each is null without a quota, and 0
-- when it is passed, so that what needs nothing of it fits. The sums are read without locks. A function, so that the statements of namespaces without quotas, which
-- do not call it, need not even prepare the sums: as a subquery they made each upload dearer by a sixth.
CREATE FUNCTION quota_room(quotas namespace, caller text) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  room bigint[];
BEGIN
  SELECT ARRAY[
    least(quotas.stored_bytes_max - least(s.stored, quotas.stored_bytes_max),
      quotas.principal_stored_bytes_max - least(s.own_stored, quotas.principal_stored_bytes_max)),
    least(quotas.bytes_per_day_max - least(s.day, quotas.bytes_per_day_max),
      quotas.principal_bytes_per_day_max - least(s.own_day, quotas.principal_bytes_per_day_max))
  ] INTO room
  FROM (
    SELECT coalesce(sum(u.stored_bytes) FILTER (WHERE u.principal = ''), 0)::bigint AS stored,
      coalesce(sum(u.stored_bytes) FILTER (WHERE u.principal <> ''), 0)::bigint AS own_stored,
      coalesce(sum(u.day_bytes) FILTER (WHERE u.principal = '' AND u.day = (now() AT TIME ZONE 'UTC')::date), 0)::bigint AS day,
      coalesce(sum(u.day_bytes) FILTER (WHERE u.principal <> '' AND u.day = (now() AT TIME ZONE 'UTC')::date), 0)::bigint AS own_day
    FROM usage_slot u WHERE u.namespace = quotas.name AND u.principal IN ('', caller)
  ) s;
  RETURN room;
END
$$;

-- The last generation given out for a path. Outlives the files, so that a generation is never used twice.
CREATE TABLE path_generation (
  namespace text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  last_generation bigint NOT NULL CHECK (last_generation >= 1),
  PRIMARY KEY (namespace, path)
);

-- open -> completing -> assembled -> committed, or open -> aborted | expired, or assembled -> expired.
CREATE TABLE upload (
  upload_id uuid PRIMARY KEY,
  namespace text COLLATE "C" NOT NULL REFERENCES namespace (name),
  path text COLLATE "C" NOT NULL,
  state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'completing', 'assembled', 'committed', 'aborted', 'expired')),
  principal text NOT NULL,
  -- The upload token by which it was created; null: its principal did it themselves.
  upload_token_id uuid,
  -- What it is a copy of: its bytes come from storage, and no caller uploads them.
  copied_path text COLLATE "C",
  -- Declared at creation, or sealed by finish.
  size_bytes bigint CHECK (size_bytes >= 0),
  -- No more bytes may come than these, whatever the namespace allows; null: the namespace alone decides.
  size_max_bytes bigint CHECK (size_max_bytes > 0),
  part_size_bytes bigint NOT NULL CHECK (part_size_bytes > 0),
  content_type text NOT NULL,
  metadata jsonb NOT NULL,
  expected_crc32 bigint CHECK (expected_crc32 BETWEEN 0 AND 4294967295),
  expected_sha256 bytea CHECK (octet_length(expected_sha256) = 32),
  compute_sha256 boolean NOT NULL,
  if_generation_match bigint CHECK (if_generation_match >= 0),
  bucket text NOT NULL,
  region text NOT NULL,
  -- Key of the multipart object; a one-part PutObject writes to s3_key || '.' || attempt.
  s3_key text NOT NULL,
  multipart_id text,
  put_attempt integer NOT NULL DEFAULT 0,
  -- The newest writer's number. Raised with every change of the upload's writers.
  epoch bigint NOT NULL DEFAULT 0,
  -- What S3 assembled: set from 'assembled' on (crc32 from 'completing' on).
  object_key text,
  object_version_id text,
  object_etag text,
  crc32 bigint CHECK (crc32 BETWEEN 0 AND 4294967295),
  sha256 bytea CHECK (octet_length(sha256) = 32),
  file_id uuid,
  create_time timestamptz NOT NULL DEFAULT now(),
  -- When the state changed last.
  state_time timestamptz NOT NULL DEFAULT now(),
  -- Slides with every write, never past expire_cap_time.
  expire_time timestamptz NOT NULL,
  expire_cap_time timestamptz NOT NULL,
  -- When the last presigned URL of a part expires; parts may land until then. Never after expire_time.
  url_expire_time timestamptz,
  -- While completing: when S3 was first seen to have neither the multipart upload nor its object.
  missing_time timestamptz,
  -- When what it left in S3 was seen to be gone; null while a dead upload may still own bytes there.
  cleanup_time timestamptz,
  -- When a commit was last asked for and has not been refused since. An upload that stays `assembled` for longer than that was
  -- left by a process that died, and the sweeper commits it; without it the upload waits for its caller until it expires.
  commit_wanted_time timestamptz,
  -- Who asked for it then, for the journal: an Actor.
  committer jsonb,
  -- What the caller says of the file to be, beside its bytes.
  labels jsonb NOT NULL DEFAULT '{}',
  data_subject text COLLATE "C" NOT NULL DEFAULT '',
  -- What keeps the commit of a completing or assembled upload from being made for good, as far as can be known: storage has
  -- other bytes, or none. Such an upload is not swept; its bytes stay until its caller completes or aborts it.
  failure_reason text,
  failure_message text,
  UNIQUE (bucket, s3_key),
  FOREIGN KEY (namespace, file_id) REFERENCES file (namespace, file_id),
  CHECK ((state = 'committed') = (file_id IS NOT NULL)),
  CHECK (state NOT IN ('assembled', 'committed') OR (object_key IS NOT NULL AND size_bytes IS NOT NULL AND crc32 IS NOT NULL)),
  CONSTRAINT upload_failure CHECK ((failure_reason IS NULL) = (failure_message IS NULL)
    AND (failure_reason IS NULL OR state IN ('completing', 'assembled', 'aborted')))
) WITH (fillfactor = 70);
-- What a running upload changes (epoch, attempt, multipart id) is in no index, so those updates stay on their page (HOT).
-- Several services, each with namespaces of its own, may share a database: a job of the clock reads what is of one namespace,
-- and steps over nothing of the others.
CREATE INDEX upload_unfinished ON upload (namespace, expire_time) WHERE state IN ('open', 'completing', 'assembled');
CREATE INDEX upload_uncleaned ON upload (namespace, state_time, upload_id)
  WHERE cleanup_time IS NULL AND (state IN ('aborted', 'expired')
    OR (state = 'committed' AND put_attempt > CASE WHEN object_key = s3_key THEN 0 ELSE 1 END));
CREATE INDEX upload_failed ON upload (namespace, upload_id)
  WHERE failure_reason IS NOT NULL AND state IN ('completing', 'assembled');

-- Whoever must find all that is kept of somebody needs these, too.
CREATE INDEX upload_data_subject ON upload (namespace, data_subject, upload_id) WHERE data_subject <> '';

-- How many uploads each upload token has created. A row comes with the first of them, and goes once the token has expired.
CREATE TABLE upload_token (
  token_id uuid PRIMARY KEY,
  uploads integer NOT NULL,
  uploads_max integer NOT NULL,
  expire_time timestamptz NOT NULL,
  -- A statement that would create one upload too many fails by this, with all that it has done.
  CONSTRAINT upload_token_used_up CHECK (uploads BETWEEN 1 AND uploads_max)
) WITH (fillfactor = 70);
CREATE INDEX upload_token_expire_time ON upload_token (expire_time);

CREATE TABLE part (
  upload_id uuid NOT NULL REFERENCES upload (upload_id) ON DELETE CASCADE,
  part_number integer NOT NULL CHECK (part_number BETWEEN 1 AND 10000),
  epoch bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('claimed', 'durable')),
  -- How the bytes came: through the service's stream, a unary call, or a presigned URL.
  source text NOT NULL CHECK (source IN ('stream', 'unary', 'presigned')),
  -- Of a claimed presigned part: what its URL was signed for.
  length_bytes bigint CHECK (length_bytes > 0),
  crc32 bigint CHECK (crc32 BETWEEN 0 AND 4294967295),
  etag text,
  update_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (upload_id, part_number),
  CHECK (state = 'claimed' OR (length_bytes IS NOT NULL AND crc32 IS NOT NULL AND etag IS NOT NULL)),
  CHECK (source <> 'presigned' OR (length_bytes IS NOT NULL AND crc32 IS NOT NULL))
) WITH (fillfactor = 70);

-- Who writes, or wrote last, which range of an upload. The ranges of an upload never overlap: a new writer removes the
-- rows of those that it fences, and a writer without its row records nothing more.
CREATE TABLE writer (
  upload_id uuid NOT NULL REFERENCES upload (upload_id) ON DELETE CASCADE,
  epoch bigint NOT NULL,
  range_start bigint NOT NULL CHECK (range_start >= 0),
  -- Null: to the end of the file, wherever that will be.
  range_end bigint CHECK (range_end > range_start),
  instance text NOT NULL,
  received_bytes bigint NOT NULL DEFAULT 0,
  heartbeat_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (upload_id, epoch)
);

-- Links that give a file to whoever holds their token, until they end.
CREATE TABLE link (
  -- UUIDv7, so that the newest links have the greatest ids.
  link_id uuid NOT NULL,
  namespace text COLLATE "C" NOT NULL REFERENCES namespace (name),
  path text COLLATE "C" NOT NULL,
  -- Null: whichever generation is live.
  generation bigint CHECK (generation >= 1),
  -- The token itself is nowhere: whoever reads this table can open nothing.
  token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
  principal text NOT NULL,
  download_name text NOT NULL,
  inline boolean NOT NULL,
  note text NOT NULL,
  -- 0: any number.
  max_uses integer NOT NULL CHECK (max_uses >= 0),
  uses bigint NOT NULL DEFAULT 0,
  last_use_time timestamptz,
  create_time timestamptz NOT NULL DEFAULT now(),
  expire_time timestamptz NOT NULL,
  revoke_time timestamptz,
  PRIMARY KEY (namespace, link_id),
  CHECK (max_uses = 0 OR uses <= max_uses)
) WITH (fillfactor = 70);
-- What a use changes is in no index, so those updates stay on their page (HOT).
CREATE UNIQUE INDEX link_newest_of_path ON link (namespace, path, link_id);
CREATE INDEX link_expire_time ON link (expire_time);

-- Who used a link, and when. Goes with its link.
CREATE TABLE link_use (
  namespace text COLLATE "C" NOT NULL,
  link_id uuid NOT NULL,
  -- Which use of the link it was, from 1.
  use_number bigint NOT NULL,
  use_time timestamptz NOT NULL DEFAULT now(),
  source_address text NOT NULL,
  user_agent text NOT NULL,
  PRIMARY KEY (namespace, link_id, use_number),
  FOREIGN KEY (namespace, link_id) REFERENCES link (namespace, link_id) ON DELETE CASCADE
);

-- Answers given to commands, so that a repeated request_id gets the first answer.
CREATE TABLE request (
  -- Where the command made or changed something; of a copy that is the copy's.
  namespace text COLLATE "C" NOT NULL,
  principal text NOT NULL,
  method text NOT NULL,
  request_id uuid NOT NULL,
  content_sha256 bytea NOT NULL CHECK (octet_length(content_sha256) = 32),
  -- The upload or file generation that the command made or changed.
  subject_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (namespace, principal, method, request_id)
);
CREATE INDEX request_create_time ON request (create_time);

-- Of any number of replicas one runs a job of the clock at a time, and none before it is due. A lease is of a job and a
-- namespace: a service must not keep the namespaces of another from being swept.
CREATE TABLE job_lease (
  name text COLLATE "C" PRIMARY KEY,
  -- Who ran it last, or runs it.
  holder text NOT NULL,
  -- Nobody else begins the job before: while it runs its holder moves this on, afterwards it says when the job is due again.
  -- A holder that dies leaves it to pass.
  until_time timestamptz NOT NULL,
  -- Where the next run goes on, of a job that does its work in pieces; empty: at the beginning.
  cursor text NOT NULL DEFAULT '',
  -- When the run under way began. Of a holder that died it stays, so that the next one can say so.
  begin_time timestamptz,
  -- The last run that has ended, and what went wrong in it; null until one has.
  last_begin_time timestamptz,
  last_end_time timestamptz,
  last_outcome text CHECK (last_outcome IN ('done', 'incomplete', 'failed')),
  last_problem text
);

-- Work that goes on after the call that has started it, step by step, on whichever replica has the lease of the job.
CREATE TABLE operation (
  namespace text COLLATE "C" NOT NULL,
  operation_id uuid NOT NULL,
  -- Who has started it, and by which request: the same request again is the same operation.
  principal text COLLATE "C" NOT NULL,
  request_id uuid NOT NULL,
  content_sha256 bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('purge', 'copy', 'auditExport')),
  -- The whole caller, whose right is asked for at each step; and what they want.
  caller jsonb NOT NULL,
  request jsonb NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  begin_time timestamptz,
  cancel_time timestamptz,
  end_time timestamptz,
  -- Where the next step goes on, and how far the operation is. A step is saved where the revision is the one that it began with.
  cursor text NOT NULL DEFAULT '',
  progress jsonb NOT NULL,
  revision bigint NOT NULL DEFAULT 0,
  response jsonb,
  error jsonb,
  PRIMARY KEY (namespace, operation_id),
  UNIQUE (namespace, principal, request_id),
  CHECK ((end_time IS NULL AND response IS NULL AND error IS NULL) OR (end_time IS NOT NULL AND (response IS NULL) <> (error IS NULL)))
);
CREATE INDEX operation_open ON operation (namespace, operation_id) WHERE end_time IS NULL;
CREATE INDEX operation_end_time ON operation (end_time) WHERE end_time IS NOT NULL;

-- Finding files by labels, words, parts of their paths, sizes and times; superseded generations are never found.

-- The orders that files are listed in; that of the paths of live files is file_live_path. Ties are broken by the id, which
-- makes a position in the list exact.
CREATE INDEX file_deleted_path ON file (namespace, path, generation)
  WHERE supersede_time IS NULL AND delete_time IS NOT NULL;
CREATE INDEX file_by_create_time ON file (namespace, create_time, file_id) WHERE supersede_time IS NULL;
CREATE INDEX file_by_update_time ON file (namespace, update_time, file_id) WHERE supersede_time IS NULL;
CREATE INDEX file_by_size ON file (namespace, size_bytes, file_id) WHERE supersede_time IS NULL;
-- Superseded generations that are not purged, for those who purge them by a filter: the other orders leave them out.
CREATE INDEX file_superseded_path ON file (namespace, path, generation)
  WHERE supersede_time IS NOT NULL AND purge_state IS NULL;
-- Of superseded generations too: whoever must find all that is kept of somebody needs those.
CREATE INDEX file_data_subject ON file (namespace, data_subject, file_id) WHERE data_subject <> '';

-- Each word with the span of 16,384 s in which the file was created, as five hexadecimal digits: 'report@1a9f3'. An index of
-- words alone gathers all files of the commonest words before it gives the first; of these, one gathers those of a span. A
-- prefix ('report@1a9') is sixteen spans, 'report@' all of them. The service makes the same (postgres/search/word-spans.ts).
-- Plain text functions, which are inlined and take a tenth of the time that arrays take: words hold no quotes and no spaces. In
-- UTC, because the epoch of a timestamptz is not declared immutable.
CREATE FUNCTION file_search_spans(search_words tsvector, create_time timestamptz) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT replace(search_words::text || ' ', ''' ', '@' || lpad(to_hex(least(greatest(
    floor(date_part('epoch', create_time AT TIME ZONE 'UTC') / 16384), 0), 1048575)::integer), 5, '0') || ''' ')::tsvector
$$;

-- Trusted since PostgreSQL 13: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- No list of pending entries: whoever fills it waits until all of it is sorted in (155 ms were seen, beside 5), and every
-- search reads it. Without it the same inserts took as long in all.
CREATE INDEX file_search_spans ON file USING gin (file_search_spans(search_words, create_time)) WITH (fastupdate = off)
  WHERE supersede_time IS NULL;
CREATE INDEX file_path_trigrams ON file USING gin (path gin_trgm_ops) WITH (fastupdate = off)
  WHERE supersede_time IS NULL;

-- A row for each label of each generation that is not superseded. Its key has the order of the answer, and it holds what
-- is most often filtered beside a label, so that files that do not match need not be looked at.
CREATE TABLE file_label (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  file_id uuid NOT NULL,
  size_bytes bigint NOT NULL,
  create_time timestamptz NOT NULL,
  is_deleted boolean NOT NULL,
  PRIMARY KEY (namespace, name, value, path, generation) INCLUDE (file_id, size_bytes, create_time, is_deleted)
);
-- Where a size or a time leaves few files of a label, they are read from here; and the orders of sizes and times have an index
-- for each label. Both hold what is filtered beside a label, and the path, which most answers are in the order of.
CREATE INDEX file_label_by_size ON file_label (namespace, name, value, size_bytes, file_id)
  INCLUDE (path, generation, create_time, is_deleted);
CREATE INDEX file_label_by_create_time ON file_label (namespace, name, value, create_time, file_id)
  INCLUDE (path, generation, size_bytes, is_deleted);

CREATE FUNCTION keep_file_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM file_label l USING jsonb_each_text(OLD.labels) e
    WHERE l.namespace = OLD.namespace AND l.name = e.key AND l.value = e.value
      AND l.path = OLD.path AND l.generation = OLD.generation;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.supersede_time IS NULL THEN
    INSERT INTO file_label (namespace, name, value, path, generation, file_id, size_bytes, create_time, is_deleted)
    SELECT NEW.namespace, e.key, e.value, NEW.path, NEW.generation, NEW.file_id, NEW.size_bytes, NEW.create_time,
      NEW.delete_time IS NOT NULL
    FROM jsonb_each_text(NEW.labels) e;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER file_labels_inserted AFTER INSERT ON file
  FOR EACH ROW WHEN (NEW.labels <> '{}') EXECUTE FUNCTION keep_file_labels();
CREATE TRIGGER file_labels_deleted AFTER DELETE ON file
  FOR EACH ROW WHEN (OLD.labels <> '{}') EXECUTE FUNCTION keep_file_labels();
-- Most changes of a file leave its labels' rows alone.
CREATE TRIGGER file_labels_updated AFTER UPDATE ON file FOR EACH ROW
  WHEN ((OLD.labels <> '{}' OR NEW.labels <> '{}')
    AND (OLD.namespace, OLD.path, OLD.generation, OLD.labels, OLD.size_bytes, OLD.create_time,
      OLD.supersede_time IS NULL, OLD.delete_time IS NULL)
    IS DISTINCT FROM (NEW.namespace, NEW.path, NEW.generation, NEW.labels, NEW.size_bytes, NEW.create_time,
      NEW.supersede_time IS NULL, NEW.delete_time IS NULL))
  EXECUTE FUNCTION keep_file_labels();
