-- Answers that may be given again.
CREATE TABLE results (
    key TEXT PRIMARY KEY,
    -- The job that it was made for.
    job TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
