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

-- Mail that waits to be sent, and for a while what came of it: see operations/mail.rs.
CREATE TABLE mails (
    -- Decides the mail's id, so that a repeated one is recognised.
    id          BLOB    PRIMARY KEY,
    -- 0: answers that the customer has not read, 1: a transcript, 2: an alert to the shop.
    kind        INTEGER NOT NULL,
    room        BLOB,
    -- Null until it is decided, right before the first attempt.
    recipient   TEXT,
    -- Messages of the room behind the one, up to the other, are in it.
    after_seq   INTEGER NOT NULL,
    until_seq   INTEGER,
    -- Of alerts alone.
    subject     TEXT,
    body        TEXT,
    -- 0: it waits, 1: sent, 2: there was no reason to send it any more, 3: refused for good.
    state       INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    -- Attempts that have failed, and the cause of the last one.
    tries       INTEGER NOT NULL,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mails_of_answers ON mails (room) WHERE kind = 0 AND state = 0;
CREATE INDEX mails_due ON mails (due) WHERE state = 0;
CREATE INDEX mails_by_room ON mails (room) WHERE room IS NOT NULL;
CREATE INDEX mails_by_recipient ON mails (recipient, created_at) WHERE recipient IS NOT NULL;

-- To whom answers of a room were mailed, up to which message and when. They may reply.
CREATE TABLE mailed (
    room    BLOB    NOT NULL,
    address TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (room, address)
) STRICT, WITHOUT ROWID;

-- Addresses that mail does not reach.
CREATE TABLE bounced_addresses (
    address TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest mails that came in and became no message, by the SHA-256 of each.
CREATE TABLE mail_quarantine (
    digest  BLOB    PRIMARY KEY,
    at      INTEGER NOT NULL,
    reason  INTEGER NOT NULL,
    sender  TEXT,
    subject TEXT,
    room    BLOB,
    size    INTEGER NOT NULL,
    -- The beginning.
    text    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_quarantine_by_time ON mail_quarantine (at);

-- How far mailboxes were read.
CREATE TABLE mail_positions (
    mailbox      TEXT    PRIMARY KEY,
    uid_validity INTEGER NOT NULL,
    uid          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: what signs reply addresses.
CREATE TABLE mail_keys (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB    NOT NULL
) STRICT;
