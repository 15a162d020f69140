-- The Telegram door. Times are milliseconds since 1970; ids of chats, people and messages are Telegram's.

-- Updates as they came: one that stands here may be acknowledged, and is handled once, whatever happens.
CREATE TABLE telegram_updates (
    id BIGINT PRIMARY KEY,
    body TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    handled_at BIGINT
);
CREATE INDEX telegram_updates_open ON telegram_updates (id) WHERE handled_at IS NULL;

-- Who serves a bot, by its number: fetches updates, handles them and sends. One process at a time.
CREATE TABLE telegram_poller (
    bot BIGINT PRIMARY KEY,
    holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- Who talks to the bot, and how each wants it.
CREATE TABLE telegram_people (
    id BIGINT PRIMARY KEY,
    -- ru or en, chosen or told by Telegram at the first contact.
    lang TEXT NOT NULL,
    name TEXT NOT NULL,
    username TEXT,
    -- What is remembered of formats, models and styles; a JSON object.
    tastes TEXT NOT NULL,
    -- Set while messages to them are refused.
    blocked_at BIGINT,
    -- Set by an administrator: nothing of theirs is answered.
    banned_at BIGINT,
    first_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- What somebody is in the middle of, in one chat and topic; 0 is no topic.
CREATE TABLE telegram_sessions (
    chat BIGINT NOT NULL,
    person BIGINT NOT NULL,
    topic BIGINT NOT NULL,
    state TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (chat, person, topic)
);

-- What people asked for: each becomes a job, and its answer goes back to where it was asked.
CREATE TABLE telegram_orders (
    -- Short, for people and buttons.
-- sqlite
    number INTEGER PRIMARY KEY AUTOINCREMENT,
-- postgres
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- both
    -- The same message makes one order, however often it is handled.
    key TEXT NOT NULL UNIQUE,
    chat BIGINT NOT NULL,
    topic BIGINT NOT NULL,
    person BIGINT NOT NULL,
    -- The message that it answers; 0: none.
    message BIGINT NOT NULL,
    lang TEXT NOT NULL,
    -- The mode and what was asked, to ask it again; JSON.
    asked TEXT NOT NULL,
    -- NULL until it was submitted.
    job TEXT UNIQUE,
    created_at BIGINT NOT NULL,
    -- When it may be submitted; a far day while its owner has yet to agree.
    not_before BIGINT NOT NULL,
    -- Set when its last message stands in the outbox.
    concluded_at BIGINT,
    -- What came of it, for the history: done, failed, cancelled, declined.
    outcome TEXT
);
CREATE INDEX telegram_orders_open ON telegram_orders (number) WHERE concluded_at IS NULL;
CREATE INDEX telegram_orders_of_person ON telegram_orders (person, number);

-- What is to be sent, changed or deleted in chats, in order.
CREATE TABLE telegram_outbox (
-- sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- postgres
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- both
    -- The same thing is put in once; a newer edit of the same message takes the place of an earlier one.
    key TEXT NOT NULL UNIQUE,
    chat BIGINT NOT NULL,
    topic BIGINT NOT NULL,
    -- 0 is sent before 1.
    urgency BIGINT NOT NULL,
    -- A message, a change to one, or its end.
    kind TEXT NOT NULL CHECK (kind IN ('send', 'edit', 'delete')),
    -- The name that the message gets, or by which it is changed.
    slot TEXT,
    act TEXT NOT NULL,
    -- The job whose answer this is.
    job TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'unsure', 'refused', 'dropped')),
    -- Counted before each call; what came of a call is written down only while this is its number.
    attempts BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    -- Telegram's number of what was sent.
    message BIGINT,
    -- Why it was refused or dropped, or is not sure.
    reason TEXT,
    -- 1 while those whom it concerns have yet to hear what came of it.
    untold BIGINT NOT NULL
);
CREATE INDEX telegram_outbox_waiting ON telegram_outbox (chat, urgency, id) WHERE state IN ('waiting', 'sending');
CREATE INDEX telegram_outbox_slots ON telegram_outbox (slot) WHERE state IN ('waiting', 'sending');
CREATE INDEX telegram_outbox_untold ON telegram_outbox (chat, id) WHERE untold = 1;
CREATE INDEX telegram_outbox_settled ON telegram_outbox (settled_at);

-- Messages that are changed later, by the names that the door gave them.
CREATE TABLE telegram_messages (
    slot TEXT PRIMARY KEY,
    chat BIGINT NOT NULL,
    message BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Files that Telegram has: sent again by these ids instead of their bytes.
CREATE TABLE telegram_files (
    asset TEXT NOT NULL,
    -- photo, document, …
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (asset, kind)
);

-- Switches of administrators, such as the pause.
CREATE TABLE telegram_switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
