-- Which paths changed lately: what the services follow to forget what they have cached. Written by a trigger, so that no
-- statement can change a file and forget to say so. Unlogged: what a crash of the server loses of it was cached for a few
-- seconds at most, and each commit writes less.
CREATE UNLOGGED TABLE file_change (
  -- The transaction that made the change. Followers read all from the oldest transaction that may still commit, so a slow
  -- one is not missed; a sequence would be passed by the faster ones.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  namespace text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  change_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (xid, namespace, path)
);

CREATE FUNCTION note_file_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO file_change (namespace, path) VALUES (OLD.namespace, OLD.path) ON CONFLICT DO NOTHING;
  END IF;
  IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND (NEW.namespace, NEW.path) <> (OLD.namespace, OLD.path)) THEN
    INSERT INTO file_change (namespace, path) VALUES (NEW.namespace, NEW.path) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER file_change AFTER INSERT OR UPDATE OR DELETE ON file FOR EACH ROW EXECUTE FUNCTION note_file_change();
