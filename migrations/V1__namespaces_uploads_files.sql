-- Paths compare by bytes (COLLATE "C"), so that listing order is the same everywhere and prefix scans use the index.

CREATE TABLE namespace (
  name text COLLATE "C" PRIMARY KEY,
  bucket text NOT NULL,
  region text NOT NULL,
  key_prefix text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now()
);

-- One generation of a file a row. Live: neither superseded by a later generation nor deleted.
CREATE TABLE file (
  file_id uuid PRIMARY KEY,
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
  s3_key text NOT NULL,
  s3_version_id text NOT NULL,
  etag text NOT NULL,
  principal text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  update_time timestamptz NOT NULL DEFAULT now(),
  supersede_time timestamptz,
  delete_time timestamptz,
  purge_time timestamptz,
  UNIQUE (namespace, path, generation),
  UNIQUE (bucket, s3_key)
);
CREATE UNIQUE INDEX file_live_path ON file (namespace, path) WHERE supersede_time IS NULL AND delete_time IS NULL;

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
  -- Declared at creation, or sealed by finish.
  size_bytes bigint CHECK (size_bytes >= 0),
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
  s3_key text NOT NULL UNIQUE,
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
  file_id uuid REFERENCES file (file_id),
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
  CHECK ((state = 'committed') = (file_id IS NOT NULL)),
  CHECK (state NOT IN ('assembled', 'committed') OR (object_key IS NOT NULL AND size_bytes IS NOT NULL AND crc32 IS NOT NULL))
) WITH (fillfactor = 70);
-- What a running upload changes (epoch, attempt, multipart id) is in no index, so those updates stay on their page (HOT).
CREATE INDEX upload_unfinished ON upload (expire_time) WHERE state IN ('open', 'completing', 'assembled');
CREATE INDEX upload_uncleaned ON upload (state_time)
  WHERE cleanup_time IS NULL AND (state IN ('aborted', 'expired')
    OR (state = 'committed' AND put_attempt > CASE WHEN object_key = s3_key THEN 0 ELSE 1 END));

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

-- Answers given to commands, so that a repeated request_id gets the first answer.
CREATE TABLE request (
  principal text NOT NULL,
  method text NOT NULL,
  request_id uuid NOT NULL,
  content_sha256 bytea NOT NULL CHECK (octet_length(content_sha256) = 32),
  -- The upload or file generation that the command made or changed.
  subject_id uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (principal, method, request_id)
);
CREATE INDEX request_create_time ON request (create_time);
