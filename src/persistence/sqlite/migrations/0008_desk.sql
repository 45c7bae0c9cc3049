-- What agents alone know of a conversation: who answers it, its tags (ids of 16 bytes, one behind
-- the other; null: none), whether it is spam, and until when it is put off.
ALTER TABLE rooms ADD COLUMN assignee BLOB;
ALTER TABLE rooms ADD COLUMN tags BLOB;
ALTER TABLE rooms ADD COLUMN spam INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN snoozed_until INTEGER;
-- The open ones of an agent or of nobody are few, so they are sorted when asked for: an order kept
-- here would cost every message.
CREATE INDEX rooms_open_by_assignee ON rooms (assignee) WHERE closed = 0 AND spam = 0;
CREATE INDEX rooms_closed_by_assignee ON rooms (assignee, last_n) WHERE closed = 1 AND spam = 0;
CREATE INDEX rooms_spam ON rooms (last_n) WHERE spam = 1;
CREATE INDEX rooms_snoozed ON rooms (snoozed_until) WHERE snoozed_until IS NOT NULL;

CREATE TABLE tags (
    id       BLOB PRIMARY KEY,
    name     TEXT NOT NULL,
    -- The name without case.
    name_key TEXT NOT NULL UNIQUE,
    color    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which rooms have a tag.
CREATE TABLE room_tags (
    tag  BLOB    NOT NULL,
    room INTEGER NOT NULL,
    PRIMARY KEY (tag, room)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_tags_by_room ON room_tags (room);

-- When a block ends by itself; null: never.
ALTER TABLE visitors ADD COLUMN blocked_until INTEGER;
CREATE INDEX visitors_blocked ON visitors (blocked_until) WHERE blocked = 1;

-- What the shop has signed about a visitor beside the details: a JSON object.
ALTER TABLE visitors ADD COLUMN attributes TEXT;

-- Words among agents, in an order of their own.
CREATE TABLE notes (
    room       INTEGER NOT NULL REFERENCES rooms (pk),
    no         INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    -- The newest message when it was written.
    after_seq  INTEGER NOT NULL,
    agent      BLOB    NOT NULL,
    agent_name TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    -- Its entry in the text index.
    n          INTEGER NOT NULL UNIQUE,
    -- The agents that it may mention are still to be rung.
    to_ring    INTEGER NOT NULL,
    PRIMARY KEY (room, no),
    UNIQUE (id, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_to_ring ON notes (room, no) WHERE to_ring = 1;

-- Bearer tokens for programs of the shop.
CREATE TABLE api_tokens (
    id           BLOB    PRIMARY KEY,
    hash         BLOB    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    -- A JSON array of rights.
    rights       TEXT    NOT NULL,
    created_by   BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- A suggestion for an agent's next message; one for each room.
CREATE TABLE drafts (
    room       INTEGER PRIMARY KEY,
    after_seq  INTEGER NOT NULL,
    content    TEXT    NOT NULL,
    -- Who made it, as agents see it.
    author     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The newest pages that a visitor was on during a conversation.
CREATE TABLE pages (
    room INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    url  TEXT    NOT NULL,
    PRIMARY KEY (room, at)
) STRICT, WITHOUT ROWID;

-- What a customer thinks of a conversation, once for each time it was closed.
CREATE TABLE ratings (
    room       INTEGER NOT NULL,
    -- The seq of the message that records the closing.
    closing    INTEGER NOT NULL,
    score      INTEGER NOT NULL,
    comment    TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (room, closing)
) STRICT, WITHOUT ROWID;
