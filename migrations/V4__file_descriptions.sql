-- What callers say of a file beside its bytes, and what changes with it.
ALTER TABLE upload
  ADD COLUMN labels jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN data_subject text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE file
  ADD COLUMN labels jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN data_subject text COLLATE "C" NOT NULL DEFAULT '',
  -- Counts the changes of the row from 1, so that a caller can tell whether it was changed since it was read.
  ADD COLUMN metageneration bigint NOT NULL DEFAULT 1 CHECK (metageneration >= 1);
