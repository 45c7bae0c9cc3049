-- Whether an agent is rung when a customer waits.
ALTER TABLE agents ADD COLUMN on_duty INTEGER NOT NULL DEFAULT 1;

-- How a message came in (null: through the chat), and which agent wrote it, where that is known.
ALTER TABLE messages ADD COLUMN via INTEGER;
ALTER TABLE messages ADD COLUMN agent BLOB;

-- What follows the log of changes: how far it is.
CREATE TABLE followers (
    name   TEXT PRIMARY KEY,
    -- The numbers of a vector of changes, as a JSON array.
    cursor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What admins set for the whole shop: one row, once something was changed.
CREATE TABLE settings (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    -- Counts the changes, from 1.
    version    INTEGER NOT NULL,
    -- JSON.
    content    TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT    NOT NULL
) STRICT;

-- Canned replies. Without an agent they are everybody's.
CREATE TABLE replies (
    id           BLOB PRIMARY KEY,
    agent        BLOB,
    shortcut     TEXT NOT NULL,
    -- The shortcut without case.
    shortcut_key TEXT NOT NULL,
    title        TEXT NOT NULL,
    content      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the private key by which push services know this server.
CREATE TABLE push_keys (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    private BLOB    NOT NULL
) STRICT;

-- Devices that ring. Each belongs to a sign-in and ends with it.
CREATE TABLE push_subscriptions (
    endpoint   TEXT    PRIMARY KEY,
    p256dh     BLOB    NOT NULL,
    auth       BLOB    NOT NULL,
    session    BLOB    NOT NULL REFERENCES agent_sessions (hash) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    -- Why the push service refused the last message.
    problem    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX push_subscriptions_by_session ON push_subscriptions (session);

-- Customers who wait, and how far their alerts are. A room that is erased may leave its row, which
-- has numbers only, until the next one begins or ends.
CREATE TABLE alerts (
    room      INTEGER PRIMARY KEY,
    -- The number of the oldest unanswered message: another wait has another one.
    waiting_n INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    -- How often devices have rung.
    rung      INTEGER NOT NULL,
    mailed    INTEGER NOT NULL,
    -- When there is something to do; null when everything is done.
    next_at   INTEGER
) STRICT;
CREATE INDEX alerts_by_next_at ON alerts (next_at) WHERE next_at IS NOT NULL;
