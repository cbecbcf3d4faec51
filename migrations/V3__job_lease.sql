-- Of any number of replicas one runs a job of the clock at a time, and none before it is due.
CREATE TABLE job_lease (
  name text COLLATE "C" PRIMARY KEY,
  -- Who ran it last, or runs it.
  holder text NOT NULL,
  -- Nobody else begins the job before: while it runs its holder moves this on, afterwards it says when the job is due again.
  -- A holder that dies leaves it to pass.
  until_time timestamptz NOT NULL,
  -- Where the next run goes on, of a job that does its work in pieces; empty: at the beginning.
  cursor text NOT NULL DEFAULT ''
);
