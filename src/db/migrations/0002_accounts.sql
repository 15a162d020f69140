-- Who there is. Amounts of money are kopecks everywhere; an account is made when it is first used and never deleted.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    -- What an administrator set; NULL: what the door says.
    level TEXT CHECK (level IN ('user', 'subscriber', 'admin')),
    -- What the door said last.
    door_level TEXT NOT NULL CHECK (door_level IN ('user', 'subscriber', 'admin')),
    name TEXT,
    -- Always the sum of the account's rows in the ledger; changed only together with one, in one transaction.
    balance BIGINT NOT NULL CHECK (balance >= 0),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX users_raised ON users (id) WHERE level IS NOT NULL;

-- What each job takes of its owner's account. What is used of a day's free units is counted from here.
CREATE TABLE operations (
    job TEXT PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES users (id),
    task TEXT NOT NULL,
    model TEXT,
    units BIGINT NOT NULL CHECK (units >= 0),
    free_units BIGINT NOT NULL CHECK (free_units >= 0 AND free_units <= units),
    -- What is held or was charged for the units that are not free.
    price BIGINT NOT NULL CHECK (price >= 0),
    status TEXT NOT NULL CHECK (status IN ('pending', 'charged', 'failed')),
    -- The day in Moscow, as 2026-11-20.
    day TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    receipt TEXT,
    reason TEXT
);
CREATE INDEX operations_of_day ON operations (owner, task, day);
CREATE INDEX operations_pending ON operations (created_at) WHERE status = 'pending';

-- Every change of every balance, for ever.
CREATE TABLE ledger (
-- sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- postgres
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- both
    owner TEXT NOT NULL REFERENCES users (id),
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    kind TEXT NOT NULL CHECK (kind IN ('start', 'topup', 'hold', 'release')),
    job TEXT,
    reason TEXT,
    -- A change that names one happens once, however often it is asked for.
    once TEXT
);
CREATE INDEX ledger_of_owner ON ledger (owner, id);
CREATE UNIQUE INDEX ledger_once ON ledger (once) WHERE once IS NOT NULL;
CREATE UNIQUE INDEX ledger_start ON ledger (owner) WHERE kind = 'start';
CREATE UNIQUE INDEX ledger_job ON ledger (job, kind) WHERE job IS NOT NULL;
-- sqlite
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
-- postgres
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END
$$;
CREATE TRIGGER ledger_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
-- both

-- Keys that were made with `samovar keys add`; those of the configuration are not here.
CREATE TABLE api_keys (
    name TEXT PRIMARY KEY,
    -- SHA-256 of the key, in hex. The key itself is nowhere.
    hash TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('user', 'subscriber', 'admin')),
    -- Requests a minute; NULL: as configured for all.
    rate BIGINT CHECK (rate >= 0),
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
