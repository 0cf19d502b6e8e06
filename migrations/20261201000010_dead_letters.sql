-- What became of an entry that was set aside. Docs: docs/RECORD.md.

-- When it was replayed or discarded, and which; null: it still lies there.
ALTER TABLE dead_letters ADD COLUMN settled_at TIMESTAMPTZ;
ALTER TABLE dead_letters ADD COLUMN outcome TEXT;
