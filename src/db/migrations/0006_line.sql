-- With the task, the place of a job and the time until it starts are told from the index alone.
DROP INDEX jobs_line;
CREATE INDEX jobs_line ON jobs (priority DESC, turn, id, task, blocked) WHERE state = 'queued';
