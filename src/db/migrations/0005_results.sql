-- Answers that may be given again.
CREATE TABLE results (
    key TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
