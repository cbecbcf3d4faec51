-- How a file ends: what keeps its bytes, and how far their removal is.
ALTER TABLE file
  ADD COLUMN legal_hold boolean NOT NULL DEFAULT false,
  ADD COLUMN retain_until_time timestamptz,
  -- 'purging': the bytes are being removed from storage, and may be gone. 'purged': they are, and with them what was said of
  -- them; the row stays as a tombstone, and purge_time says when.
  ADD COLUMN purge_state text CHECK (purge_state IN ('purging', 'purged')),
  ADD CONSTRAINT file_purge_state CHECK (purge_state IS NULL OR (
    purge_time IS NOT NULL AND NOT legal_hold AND (supersede_time IS NOT NULL OR delete_time IS NOT NULL)));
-- What is to be purged, by when it may be, the removals that a crash has left among them: the purge job reads from the front
-- of it, and passes over nothing.
CREATE INDEX file_purgeable ON file (greatest(purge_time, retain_until_time), file_id)
  WHERE purge_time IS NOT NULL AND NOT legal_hold AND purge_state IS DISTINCT FROM 'purged';
