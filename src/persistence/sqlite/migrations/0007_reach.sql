-- Whether an agent is rung when a customer waits.
ALTER TABLE agents ADD COLUMN on_duty INTEGER NOT NULL DEFAULT 1;
