-- What was erased, by id alone: see operations/erasures.rs.
CREATE TABLE erasures (
    id             BLOB    PRIMARY KEY,
    -- 0: a person, 1: rooms past their time.
    kind           INTEGER NOT NULL,
    decided_at     INTEGER NOT NULL,
    -- Since when nobody can read any of it.
    unreachable_at INTEGER,
    -- When the last row was deleted.
    finished_at    INTEGER,
    -- When the file was rewritten without it.
    bytes_gone_at  INTEGER,
    visitors       INTEGER NOT NULL,
    rooms          INTEGER NOT NULL,
    messages       INTEGER NOT NULL,
    tokens         INTEGER NOT NULL,
    -- Whether the file beside the backups has it.
    in_ledger      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE erased_visitors (
    visitor BLOB    PRIMARY KEY,
    erasure BLOB    NOT NULL,
    -- Whether rooms of this visitor may be left.
    pending INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_visitors_pending ON erased_visitors (erasure) WHERE pending = 1;

-- The ids of rooms that are gone.
CREATE TABLE erased_rooms (
    room    BLOB    PRIMARY KEY,
    erasure BLOB    NOT NULL,
    -- Its place in the order of changes; null if no console had listed the room.
    change  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_rooms_by_change ON erased_rooms (change, room) WHERE change IS NOT NULL;
CREATE INDEX erased_rooms_by_erasure ON erased_rooms (erasure);

-- Rooms that are gone, whose messages are not yet: their numbers, and where the messages are.
CREATE TABLE erasing_rooms (
    pk      INTEGER PRIMARY KEY,
    erasure BLOB    NOT NULL,
    head    INTEGER NOT NULL,
    tail    BLOB    NOT NULL,
    -- Messages up to this seq are gone.
    done    INTEGER NOT NULL
) STRICT;
CREATE INDEX erasing_rooms_by_erasure ON erasing_rooms (erasure);

-- Messages whose text was removed; their content is empty.
CREATE TABLE redactions (
    room          INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    message       BLOB    NOT NULL,
    at            INTEGER NOT NULL,
    bytes_gone_at INTEGER,
    in_ledger     INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
