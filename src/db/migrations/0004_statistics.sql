-- What was asked of whom and what came of it, one row for each day in Moscow and outcome.
CREATE TABLE statistics (
    -- As 2026-11-20.
    day TEXT NOT NULL,
    task TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    -- `done`, or the class of the failure.
    class TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    total_ms BIGINT NOT NULL,
    longest_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (day, task, provider, model, class)
);
