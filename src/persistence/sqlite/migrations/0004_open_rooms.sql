-- Whether a room is closed, beside its status: in a conversation every message moves the status
-- between waiting and active, and an index that looks at it is written each time.
ALTER TABLE rooms ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
UPDATE rooms SET closed = 1 WHERE status = 2;
DROP INDEX rooms_open;
-- Few rooms of one visitor are open, so they are sorted when asked for.
CREATE INDEX rooms_open ON rooms (visitor) WHERE closed = 0;
