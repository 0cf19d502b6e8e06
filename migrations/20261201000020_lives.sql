-- What a new life of Redis has to know of former ones that were lost. Docs: docs/RECORD.md.

-- Up to this number a line had passed over when a life began. That life may be lost before anything of it is recorded;
-- the next one then goes on from here.
CREATE TABLE numbers_passed (
    restaurant_id BIGINT NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (restaurant_id, line)
);

-- Units more or fewer that staff asked for; null: something else, as a new count, which says what is left. `change`
-- is by how much it differs from the movement before, of which this one may not have known.
ALTER TABLE stock_movements ADD COLUMN adjusted BIGINT;
