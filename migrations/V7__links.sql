-- Links that give a file to whoever holds their token, until they end.
CREATE TABLE link (
  -- UUIDv7, so that the newest links have the greatest ids.
  link_id uuid PRIMARY KEY,
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
  CHECK (max_uses = 0 OR uses <= max_uses)
) WITH (fillfactor = 70);
-- What a use changes is in no index, so those updates stay on their page (HOT).
CREATE UNIQUE INDEX link_newest ON link (namespace, link_id);
CREATE UNIQUE INDEX link_newest_of_path ON link (namespace, path, link_id);
CREATE INDEX link_expire_time ON link (expire_time);

-- Who used a link, and when. Goes with its link.
CREATE TABLE link_use (
  link_id uuid NOT NULL REFERENCES link (link_id) ON DELETE CASCADE,
  -- Which use of the link it was, from 1.
  use_number bigint NOT NULL,
  use_time timestamptz NOT NULL DEFAULT now(),
  source_address text NOT NULL,
  user_agent text NOT NULL,
  PRIMARY KEY (link_id, use_number)
);
