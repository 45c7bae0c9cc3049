-- The text index. It keeps no text of its own; its rowid is the message's global
-- number, so that the newest matches come first without sorting. A room's details
-- have one entry with seq 0. It does not keep where in a text a word stands (detail = none):
-- that would be most of its size and of its cost, and only phrases need it.
CREATE VIRTUAL TABLE search USING fts5 (
    name, email, body, room UNINDEXED, seq UNINDEXED,
    content = '', contentless_delete = 1, contentless_unindexed = 1,
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3', detail = none
);

-- The words of the index, so that a beginning of a word can be looked for as the words that
-- begin so.
CREATE VIRTUAL TABLE search_words USING fts5vocab (search, instance);

-- How much of a room is in the index.
CREATE TABLE search_rooms (
    room        INTEGER PRIMARY KEY REFERENCES rooms (pk),
    indexed_seq INTEGER NOT NULL,
    details_n   INTEGER,
    name        TEXT,
    email       TEXT
) STRICT;
