-- When a commit was last asked for and has not been refused since. An upload that stays `assembled` for longer than that was
-- left by a process that died, and the sweeper commits it; without it the upload waits for its caller until it expires.
ALTER TABLE upload ADD COLUMN commit_wanted_time timestamptz;
UPDATE upload SET commit_wanted_time = state_time WHERE state = 'completing';
