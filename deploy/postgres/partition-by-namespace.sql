-- Divides the tables that grow with the files into partitions by the hash of the namespace. Run it as the owner of the migrated
-- schema, while the service is stopped, with the number of partitions:
--
--   psql "$SLUICE_DATABASE_URL" -f deploy/postgres/partition-by-namespace.sql -c "SELECT pg_temp.partition_by_namespace(16)"
--
-- Each table becomes a partition of a new table of its name, with all its rows where they are. So the rows that are there must be of
-- one namespace, or there must be none. docs/beyond-one-primary.md says what follows.

-- Returns the tables that were divided.
CREATE FUNCTION pg_temp.partition_by_namespace(partitions integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  parent text;
BEGIN
  FOREACH parent IN ARRAY ARRAY['file', 'file_label', 'path_generation', 'request'] LOOP
    PERFORM pg_temp.partition_table(parent, partitions);
    RETURN NEXT parent;
  END LOOP;
END
$$;

-- The keys and indexes of partition n are called as those of the table, with _pN behind: the service knows them by their names.
CREATE FUNCTION pg_temp.partition_table(parent text, partitions integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  indexes text[] := ARRAY(
    SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = parent::regclass ORDER BY 1);
  keys text[] := ARRAY(
    SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', parent, c.conname, pg_get_constraintdef(c.oid)) FROM pg_constraint c
    WHERE c.conrelid = parent::regclass AND c.contype IN ('p', 'u', 'f'));
  other_indexes text[] := ARRAY(
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = parent::regclass
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u')));
  triggers text[] := ARRAY(
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = parent::regclass AND NOT t.tgisinternal);
  references_to_it text[] := ARRAY(
    SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c WHERE c.confrelid = parent::regclass AND c.contype = 'f');
  options text := (SELECT format('WITH (%s)', array_to_string(c.reloptions, ', ')) FROM pg_class c WHERE c.oid = parent::regclass AND c.reloptions IS NOT NULL);
  partition text;
  first integer := 0;
  statement text;
  index record;
BEGIN
  FOR statement IN
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)
    FROM pg_constraint c WHERE c.confrelid = parent::regclass AND c.contype = 'f'
    UNION ALL
    SELECT format('DROP TRIGGER %I ON %I', t.tgname, parent)
    FROM pg_trigger t WHERE t.tgrelid = parent::regclass AND NOT t.tgisinternal
    UNION ALL
    SELECT format('ALTER INDEX %s RENAME TO %I', name, name || '_before') FROM unnest(indexes) name
  LOOP
    EXECUTE statement;
  END LOOP;
  EXECUTE format('ALTER TABLE %I RENAME TO %I', parent, parent || '_before');
  EXECUTE format(
    'CREATE TABLE %I (LIKE %I INCLUDING COMMENTS INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE)
     PARTITION BY HASH (namespace)', parent, parent || '_before');
  FOREACH statement IN ARRAY keys || other_indexes LOOP
    EXECUTE statement;
  END LOOP;
  -- The partition of the rows that are there.
  EXECUTE format('SELECT remainder FROM generate_series(0, %s) remainder, (SELECT namespace FROM %I LIMIT 1) row
    WHERE satisfies_hash_partition(%L::regclass, %s, remainder, row.namespace)',
    partitions - 1, parent || '_before', parent, partitions) INTO first;
  first := coalesce(first, 0);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', parent || '_before', format('%s_p%s', parent, first));
  FOR n IN 0 .. partitions - 1 LOOP
    partition := format('%s_p%s', parent, n);
    IF n = first THEN
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)', parent, partition, partitions, n);
    ELSE
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s) %s',
        partition, parent, partitions, n, options);
    END IF;
    FOR index IN
      SELECT child.relname AS name, i.inhparent::regclass::text AS of
      FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid JOIN pg_class child ON child.oid = x.indexrelid
      WHERE x.indrelid = partition::regclass
    LOOP
      EXECUTE format('ALTER INDEX %I RENAME TO %I', index.name, format('%s_p%s', index.of, n));
    END LOOP;
  END LOOP;
  FOREACH statement IN ARRAY triggers || references_to_it LOOP
    EXECUTE statement;
  END LOOP;
  -- PostgreSQL analyzes partitions by itself, and never the whole.
  EXECUTE format('ANALYZE %I', parent);
END
$$;
