-- Numbers that were passed over because they may have been given out and lost. Docs: docs/RECORD.md.

-- Up to this number a line had passed over when a life of Redis began. That life may be lost before anything of it is
-- recorded; the next one then goes on from here.
CREATE TABLE numbers_passed (
    restaurant_id BIGINT NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (restaurant_id, line)
);
