-- One row for each job: the truth about it. Times are milliseconds since 1970; truth values are 0 and 1.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    owner TEXT NOT NULL,
    door TEXT NOT NULL,
    -- A child waits until its parent is done.
    parent TEXT,
    blocked BIGINT NOT NULL,
    input TEXT NOT NULL,
    -- What a worker must be able to do; empty: nothing special.
    needs TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    -- The line: higher priority first, then turn, then id.
    priority BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    -- Counted at each claim; every later change by a worker must name it.
    attempt BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    worker TEXT,
    lease_until BIGINT,
    cancel_requested BIGINT NOT NULL,
    step BIGINT NOT NULL,
    steps BIGINT NOT NULL,
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    answer TEXT,
    failure TEXT,
    -- What each provider said that was asked, as JSON.
    attempts TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE INDEX jobs_line ON jobs (priority DESC, turn, id) WHERE state = 'queued';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_open_of_owner ON jobs (owner, turn) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_of_owner ON jobs (owner, id);
CREATE INDEX jobs_children ON jobs (parent) WHERE parent IS NOT NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_idempotency ON jobs (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Those who work, and what each can do.
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE TABLE capabilities (
    worker TEXT NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (worker, tag)
);

-- How long a job of each task takes, a running mean in milliseconds.
CREATE TABLE paces (
    task TEXT PRIMARY KEY,
    mean_ms DOUBLE PRECISION NOT NULL
);
