-- Who was asked for which job and what came of it, one row for each attempt; deleted like the jobs.
CREATE TABLE attempts (
-- sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- postgres
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- both
    at BIGINT NOT NULL,
    job TEXT NOT NULL,
    task TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    -- The last characters of the key.
    key_tail TEXT,
    -- `done`, or the class of the failure.
    class TEXT NOT NULL,
    -- Of HTTP.
    status BIGINT,
    took_ms BIGINT NOT NULL,
    -- 1: it may have been paid without giving an answer.
    spend_unknown BIGINT NOT NULL
);
CREATE INDEX attempts_at ON attempts (at);
