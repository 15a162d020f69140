-- One row for each stored file: without it the file does not exist. Times are milliseconds since 1970.
CREATE TABLE assets (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('generated', 'uploaded', 'derived')),
    -- What it was made from; that may be gone already.
    parent TEXT,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    -- A JSON object.
    metadata TEXT NOT NULL,
    -- What is wrong with the bytes, as found when they were last read.
    error TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX assets_expiry ON assets (expires_at);
