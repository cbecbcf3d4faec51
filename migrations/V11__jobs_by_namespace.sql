-- Several services, each with namespaces of its own, may share a database: a job of the clock reads what is of one namespace,
-- and steps over nothing of the others.
DROP INDEX upload_unfinished, upload_uncleaned, file_purgeable;
CREATE INDEX upload_unfinished ON upload (namespace, expire_time) WHERE state IN ('open', 'completing', 'assembled');
CREATE INDEX upload_uncleaned ON upload (namespace, state_time, upload_id)
  WHERE cleanup_time IS NULL AND (state IN ('aborted', 'expired')
    OR (state = 'committed' AND put_attempt > CASE WHEN object_key = s3_key THEN 0 ELSE 1 END));
CREATE INDEX file_purgeable ON file (namespace, greatest(purge_time, retain_until_time), file_id)
  WHERE purge_time IS NOT NULL AND NOT legal_hold AND purge_state IS DISTINCT FROM 'purged';

-- A lease is of a job and a namespace: a service must not keep the namespaces of another from being swept.
DELETE FROM job_lease WHERE name IN ('sweep-uploads', 'sweep-orphans', 'purge-files');
