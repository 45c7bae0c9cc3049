-- The language of the visitor's chat (`de`), in which mail to them is written; null: not known.
ALTER TABLE visitors ADD COLUMN language TEXT;

-- The language of the device's console; null: English.
ALTER TABLE push_subscriptions ADD COLUMN language TEXT;
