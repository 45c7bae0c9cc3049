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
