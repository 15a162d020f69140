-- How the keys of providers stand, for all servers that share this database. The keys themselves are nowhere here.
CREATE TABLE provider_keys (
    -- A hash of the provider and the key.
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    -- The key's last characters.
    tail TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'resting', 'retired')),
    -- What came of it when its state was changed last: done, rate, bad_key, payment.
    class TEXT,
    -- When a resting key may be used again, and when a request may try a retired one.
    until BIGINT,
    -- How often in a row it was retired.
    times BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    used_at BIGINT
);
