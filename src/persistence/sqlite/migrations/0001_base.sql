-- Ids are 16-byte UUIDs, times are milliseconds since 1970, statuses and sides are
-- the small numbers of codes.rs.

-- One row: what must move in step with every commit.
CREATE TABLE state (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    epoch          TEXT    NOT NULL,
    -- The newest place in the order of all changes of listed rooms.
    change         INTEGER NOT NULL,
    -- The newest number given to a message or to an entry of the text index.
    n              INTEGER NOT NULL,
    waiting        INTEGER NOT NULL,
    active         INTEGER NOT NULL,
    closed         INTEGER NOT NULL,
    auth_version   INTEGER NOT NULL,
    -- Every change up to here is in the text index.
    indexed_change INTEGER NOT NULL,
    -- Commits of the process that holds the lock, and of the tools beside it: they
    -- settle whether a COMMIT that failed half-way has happened.
    server_commits INTEGER NOT NULL,
    tool_commits   INTEGER NOT NULL
) STRICT;

CREATE TABLE visitors (
    id         BLOB    PRIMARY KEY,
    user       TEXT    UNIQUE,
    blocked    INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE visitor_tokens (
    hash       BLOB    PRIMARY KEY,
    visitor    BLOB    NOT NULL REFERENCES visitors (id),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX visitor_tokens_by_visitor ON visitor_tokens (visitor);

-- AUTOINCREMENT, so that the number of a removed room never names another one.
CREATE TABLE rooms (
    pk                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                BLOB    NOT NULL UNIQUE,
    visitor           BLOB    NOT NULL REFERENCES visitors (id),
    status            INTEGER NOT NULL,
    customer_name     TEXT,
    customer_email    TEXT,
    customer_phone    TEXT,
    page_url          TEXT,
    -- Bits: 1 name, 2 e-mail, 4 phone.
    signed            INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    last_seq          INTEGER NOT NULL,
    customer_read_seq INTEGER NOT NULL,
    admin_read_seq    INTEGER NOT NULL,
    unread_count      INTEGER NOT NULL,
    waiting_since     INTEGER,
    version           INTEGER NOT NULL,
    -- Null until the room is listed.
    change            INTEGER,
    -- The newest message: its global number and what a summary shows of it.
    last_n            INTEGER,
    last_message_at   INTEGER,
    last_sender_type  INTEGER,
    last_sender_name  TEXT,
    last_content      TEXT,
    -- The global number of the oldest unanswered customer message.
    waiting_n         INTEGER
) STRICT;
CREATE INDEX rooms_by_visitor ON rooms (visitor);
-- Status 2 is closed.
-- Few rooms of one visitor are open, so they are sorted when asked for: an order kept here
-- would cost every message.
CREATE INDEX rooms_open ON rooms (visitor) WHERE status <> 2;
CREATE INDEX rooms_by_change ON rooms (change) WHERE change IS NOT NULL;
-- All rooms by activity are the three statuses merged.
CREATE INDEX rooms_by_status ON rooms (status, last_n) WHERE last_n IS NOT NULL;
CREATE INDEX rooms_waiting ON rooms (waiting_n) WHERE waiting_n IS NOT NULL;
CREATE INDEX rooms_empty ON rooms (created_at) WHERE last_n IS NULL;

-- Clustered by room and place, which is how they are always read.
CREATE TABLE messages (
    room        INTEGER NOT NULL REFERENCES rooms (pk),
    seq         INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    sender_type INTEGER NOT NULL,
    sender_name TEXT    NOT NULL,
    content     TEXT    NOT NULL,
    event       INTEGER,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (room, seq),
    -- The id comes first: those of version 7 grow with time, so the messages of one commit
    -- lie side by side, whatever their rooms.
    UNIQUE (id, room)
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    id            BLOB    PRIMARY KEY,
    username      TEXT    NOT NULL,
    -- The user name without case.
    username_key  TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    role          INTEGER NOT NULL,
    disabled      INTEGER NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_sessions (
    hash         BLOB    PRIMARY KEY,
    agent        BLOB    NOT NULL REFERENCES agents (id),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_sessions_by_agent ON agent_sessions (agent);

CREATE TABLE audit (
    pk      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    action  TEXT    NOT NULL,
    actor   TEXT,
    subject TEXT
) STRICT;

-- Written and read by the server when it tries itself.
CREATE TABLE canary (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
