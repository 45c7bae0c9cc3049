-- The text index is filled anew, behind the head: it follows the messages by their numbers,
-- which lead to room and seq, so it keeps neither. The old one goes first, and leaves its space
-- to what is made here.
DROP TABLE search_words;
DROP TABLE search;
DROP TABLE search_rooms;
UPDATE state SET indexed_change = 0;
-- Every message up to this number is in the text index.
ALTER TABLE state ADD COLUMN indexed_n INTEGER NOT NULL DEFAULT 0;

-- Which messages are a room's: see places.rs. The last ones stand in the room's row, full
-- blocks of 32 in a table. A place is five bytes: twice the number, and one if the customer
-- wrote it.
CREATE TABLE message_places (
    room   INTEGER NOT NULL,
    block  INTEGER NOT NULL,
    places BLOB    NOT NULL,
    PRIMARY KEY (room, block)
) STRICT, WITHOUT ROWID;
INSERT INTO message_places
SELECT room, (seq - 1) / 32,
    unhex(group_concat(printf('%010x', 2 * n + (sender_type = 0)), '' ORDER BY seq))
FROM messages GROUP BY room, (seq - 1) / 32 HAVING count(*) = 32;
ALTER TABLE rooms ADD COLUMN tail BLOB NOT NULL DEFAULT x'';
UPDATE rooms SET tail = ifnull((
    SELECT unhex(group_concat(printf('%010x', 2 * n + (sender_type = 0)), '' ORDER BY seq))
    FROM messages WHERE room = rooms.pk AND seq > rooms.last_seq / 32 * 32), x'')
WHERE last_seq % 32 > 0;

-- Messages lie in the order of their arrival: those of one commit share pages, whatever their
-- rooms. A message names its room by a number that only the writer gives, so nothing has to be
-- looked up to be sure of it.
CREATE TABLE messages_by_arrival (
    n           INTEGER PRIMARY KEY,
    room        INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    sender_type INTEGER NOT NULL,
    sender_name TEXT    NOT NULL,
    content     TEXT    NOT NULL,
    event       INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;
-- Only places are sorted, not texts: ten million of them take some hundred megabytes.
INSERT INTO messages_by_arrival
SELECT m.n, m.room, m.seq, m.id, m.sender_type, m.sender_name, m.content, m.event, m.created_at
FROM (SELECT n, room, seq FROM messages ORDER BY n) AS place
CROSS JOIN messages m ON m.room = place.room AND m.seq = place.seq;
DROP TABLE messages;
ALTER TABLE messages_by_arrival RENAME TO messages;
-- The id comes first: those of version 7 grow with time, so the messages of one commit
-- lie side by side, whatever their rooms.
CREATE UNIQUE INDEX messages_by_id ON messages (id, room);

-- Its rowid is the message's number, so that the newest matches come first without sorting.
-- A room's details have an entry with a number of their own. It does not keep where in a text
-- a word stands (detail = none): that would be most of its size and of its cost, and only
-- phrases need it.
CREATE VIRTUAL TABLE search USING fts5 (
    name, email, body,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2", prefix = '1 2 3', detail = none
);
-- What one step gathers in memory before it writes; with less it writes, and later merges,
-- several times as much.
INSERT INTO search (search, rank) VALUES ('hashsize', 8388608);
CREATE VIRTUAL TABLE search_words USING fts5vocab (search, instance);
-- The entries of rooms' details, and what they say.
CREATE TABLE search_details (
    room  INTEGER PRIMARY KEY REFERENCES rooms (pk),
    n     INTEGER NOT NULL UNIQUE,
    name  TEXT,
    email TEXT
) STRICT;
