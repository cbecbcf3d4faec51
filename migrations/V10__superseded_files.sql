-- Superseded generations that are not purged, for those who purge them by a filter: the other orders leave them out.
CREATE INDEX file_superseded_path ON file (namespace, path, generation)
  WHERE supersede_time IS NOT NULL AND purge_state IS NULL;
