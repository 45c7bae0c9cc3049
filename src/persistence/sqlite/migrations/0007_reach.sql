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
