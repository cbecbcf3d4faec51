-- Finding files by labels, words, parts of their paths, sizes and times; superseded generations are never found.
-- Trusted since PostgreSQL 13: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The words of a path and of the values of metadata. The service splits what is searched for likewise
-- (domain/search-words.ts). Ranges of characters and ICU's lower case, so that it is the same in every locale; no parser of
-- PostgreSQL's, which takes paths and hosts for one word.
CREATE FUNCTION file_search(path text, metadata jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_to_tsvector(ARRAY(
    SELECT left(word, 64)
    FROM regexp_split_to_table(
      lower(normalize(concat_ws(' ', path, (SELECT string_agg(e.value, ' ') FROM jsonb_each_text(metadata) e))) COLLATE "und-x-icu"),
      '[^a-z0-9\u00aa-\u1fff\u2c00-\u2fef\u3040-\U0010ffff]+'
    ) word
    WHERE word <> ''
  ))
$$;

-- Stored, because a walk over many files must not split their texts each time.
ALTER TABLE file ADD COLUMN search_words tsvector NOT NULL GENERATED ALWAYS AS (file_search(path, metadata)) STORED;

-- Generations of a path are found by this one. Its operator class is none that orders paths: the planner would take it for
-- lists otherwise, and step over any number of superseded and deleted generations.
ALTER TABLE file DROP CONSTRAINT file_namespace_path_generation_key;
CREATE UNIQUE INDEX file_path_generation ON file (namespace, path text_pattern_ops, generation);

-- The orders that files are listed in; that of the paths of live files is file_live_path. Ties are broken by the id, which
-- makes a position in the list exact.
CREATE INDEX file_deleted_path ON file (namespace, path, generation)
  WHERE supersede_time IS NULL AND delete_time IS NOT NULL;
CREATE INDEX file_by_create_time ON file (namespace, create_time, file_id) WHERE supersede_time IS NULL;
CREATE INDEX file_by_update_time ON file (namespace, update_time, file_id) WHERE supersede_time IS NULL;
CREATE INDEX file_by_size ON file (namespace, size_bytes, file_id) WHERE supersede_time IS NULL;

-- No list of pending entries: whoever fills it waits until all of it is sorted in (155 ms were seen, beside 5), and every
-- search reads it. Without it the same inserts took as long in all.
CREATE INDEX file_search_words ON file USING gin (search_words) WITH (fastupdate = off) WHERE supersede_time IS NULL;
CREATE INDEX file_path_trigrams ON file USING gin (path gin_trgm_ops) WITH (fastupdate = off)
  WHERE supersede_time IS NULL;
-- Of superseded generations too: whoever must find all that is kept of somebody needs those.
CREATE INDEX file_data_subject ON file (namespace, data_subject) WHERE data_subject <> '';

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

INSERT INTO file_label
SELECT f.namespace, e.key, e.value, f.path, f.generation, f.file_id, f.size_bytes, f.create_time, f.delete_time IS NOT NULL
FROM file f, jsonb_each_text(f.labels) e
WHERE f.supersede_time IS NULL;
