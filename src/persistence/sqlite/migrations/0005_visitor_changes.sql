-- Visitors whose block or whose user has changed, and how far their rooms have followed: see
-- visitor_changes.rs.
CREATE TABLE visitor_changes (
    visitor   BLOB    PRIMARY KEY,
    -- The visitor who gets the rooms, after an anonymous one signed in.
    new_owner BLOB,
    -- Rooms up to this number have followed.
    after     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
