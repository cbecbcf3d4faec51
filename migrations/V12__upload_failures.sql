-- What keeps the commit of a completing or assembled upload from being made for good, as far as can be known: storage has other
-- bytes, or none. Such an upload is not swept; its bytes stay until its caller completes or aborts it.
ALTER TABLE upload
  ADD COLUMN failure_reason text,
  ADD COLUMN failure_message text,
  ADD CONSTRAINT upload_failure CHECK ((failure_reason IS NULL) = (failure_message IS NULL)
    AND (failure_reason IS NULL OR state IN ('completing', 'assembled', 'aborted')));
CREATE INDEX upload_failed ON upload (namespace, upload_id)
  WHERE failure_reason IS NOT NULL AND state IN ('completing', 'assembled');
