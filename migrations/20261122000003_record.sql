-- The durable record: what the recorder writes from the event logs, and nobody else. Docs: docs/RECORD.md.
--
-- Rows name restaurants, accounts and tickets without foreign keys: what has happened stays recorded, whatever is
-- deleted later, and an event that was read must never be refused. Times are Redis's clock in milliseconds, but for
-- TIMESTAMPTZ, which is PostgreSQL's own.

-- Who records what: one row a partition, its position and its lease. Both are checked and moved in the transaction of
-- the rows that are written, so that an event is recorded once, whoever dies, and a holder whose lease has gone to
-- another writes nothing.
CREATE TABLE recorder (
    partition SMALLINT PRIMARY KEY CHECK (partition BETWEEN 0 AND 95),
    -- The entry of the stream up to which everything is recorded.
    position TEXT NOT NULL DEFAULT '0-0' CHECK (position ~ '^[0-9]+-[0-9]+$'),
    -- The life of Redis that the position is of.
    epoch BIGINT NOT NULL DEFAULT 0,
    -- The last row of `events`.
    seq BIGINT NOT NULL DEFAULT 0,
    -- The lease: who has it, and which one it is. A holder of an older one is refused. It lasts as long as its holder is
    -- among `recorder_workers`: 96 rows written every second, of which nothing happens in most, would be waste.
    holder TEXT,
    fence BIGINT NOT NULL DEFAULT 0,
    -- When nothing was left to record, last: what happened since may not be here.
    caught_up_at TIMESTAMPTZ,
    -- The same moment by Redis's clock: what lay due later may have been missed.
    caught_up_ms BIGINT
) WITH (fillfactor = 50);
INSERT INTO recorder (partition) SELECT generate_series(0, 95);

-- Who records, and until when their leases last unless they say more.
CREATE TABLE recorder_workers (
    holder TEXT PRIMARY KEY,
    until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 25);

-- Everything that happened. `seq` grows by one within a partition and is given in the order of commit: a consumer that
-- keeps the last one it has seen of each partition never misses a row. No ticket id, name or number of a phone is here.
CREATE TABLE events (
    partition SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    -- `restaurant:<id>`.
    aggregate TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    device TEXT,
    account BIGINT,
    -- What it is about: a ticket by its ref, a line, a menu item; and why.
    ref TEXT COLLATE "C",
    line TEXT,
    item TEXT,
    reason TEXT,
    -- The answer that a retry of this command gets, packed; null without a key.
    answer BYTEA,
    PRIMARY KEY (partition, seq),
    UNIQUE (aggregate, epoch, rev)
);
-- What retention has to look at.
CREATE INDEX events_with_answer ON events (at) WHERE answer IS NOT NULL;

-- Where each aggregate stands in the record.
CREATE TABLE aggregates (
    aggregate TEXT COLLATE "C" PRIMARY KEY,
    partition SMALLINT NOT NULL,
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- The epoch up to which what Redis lost has been put back.
    reconciled BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX aggregates_by_partition ON aggregates (partition);

-- Revisions that were never seen, and when the record was made whole again from a snapshot.
CREATE TABLE gaps (
    aggregate TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    rev_from BIGINT NOT NULL,
    rev_to BIGINT NOT NULL,
    found_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    reconciled_at TIMESTAMPTZ,
    PRIMARY KEY (aggregate, epoch, rev_from)
);

-- Entries of the log that nobody could read, as they are: they hold up nothing. `raw` is empty when erased.
CREATE TABLE dead_letters (
    partition SMALLINT NOT NULL,
    entry TEXT NOT NULL,
    raw BYTEA NOT NULL,
    error TEXT NOT NULL,
    found_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, entry)
);

-- A restaurant's live state but for its tickets, each part as packed as Redis has it: `restaurant policy menu line:<A>
-- stock:<item> pace:<class>`.
CREATE TABLE live_parts (
    restaurant_id BIGINT NOT NULL,
    part TEXT COLLATE "C" NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (restaurant_id, part)
) WITH (fillfactor = 50);

-- Business days that a restaurant had, and when each ends.
CREATE TABLE days (
    restaurant_id BIGINT NOT NULL,
    day DATE NOT NULL,
    ends_at BIGINT NOT NULL,
    -- Whether its tickets are anonymous by now. The recorder leaves it alone.
    anonymous BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (restaurant_id, day)
);
-- What retention has to look at.
CREATE INDEX days_to_anonymise ON days (ends_at) WHERE NOT anonymous;

-- Every ticket as it is now.
CREATE TABLE tickets (
    restaurant_id BIGINT NOT NULL,
    ref TEXT COLLATE "C" NOT NULL,
    -- The business day on which it joined.
    day DATE NOT NULL,
    number TEXT NOT NULL,
    line TEXT NOT NULL,
    state TEXT NOT NULL,
    adults SMALLINT NOT NULL,
    children SMALLINT NOT NULL,
    channel TEXT NOT NULL,
    checked_in BOOLEAN NOT NULL,
    -- Contact data: null when erased.
    name TEXT,
    phone_last4 TEXT,
    note TEXT,
    lang TEXT,
    joined_at BIGINT NOT NULL,
    called_at BIGINT,
    seated_at BIGINT,
    missed_at BIGINT,
    -- When it was completed or cancelled, by whom, why.
    ended_at BIGINT,
    ended_by TEXT,
    ended_reason TEXT,
    calls SMALLINT NOT NULL,
    delays SMALLINT NOT NULL,
    overtaken INTEGER NOT NULL,
    -- Waiting tickets before it, and the wait that was told, when it joined.
    ahead_at_join INTEGER NOT NULL,
    eta_at_join JSONB,
    -- What was ordered, and what it costs.
    items JSONB,
    total BIGINT NOT NULL,
    -- Its last change.
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- As Redis has it, for a rebuild; null when erased.
    packed BYTEA,
    -- Whether anything is left to erase. Follows from the others, so that what is recorded late is erased, too; and its
    -- value hardly ever changes, so that the index below costs an update nothing.
    personal BOOLEAN NOT NULL GENERATED ALWAYS AS (
        name IS NOT NULL OR phone_last4 IS NOT NULL OR note IS NOT NULL OR lang IS NOT NULL OR packed IS NOT NULL
    ) STORED,
    -- Whether `ref` no longer is the ticket's. The recorder leaves it alone.
    anonymous BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (restaurant_id, ref)
) WITH (fillfactor = 60);
CREATE INDEX tickets_by_day ON tickets (restaurant_id, day, joined_at, ref);
-- What retention has to look at.
CREATE INDEX tickets_personal ON tickets (day) WHERE personal;

-- What happened to each ticket: a row for every event that changed it. `name` is the event's, `ticket.overtaken` for
-- one that another was called before.
CREATE TABLE transitions (
    restaurant_id BIGINT NOT NULL,
    ref TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- The state and line it was in afterwards.
    state TEXT NOT NULL,
    line TEXT NOT NULL,
    role TEXT NOT NULL,
    device TEXT,
    account BIGINT,
    reason TEXT,
    PRIMARY KEY (restaurant_id, ref, epoch, rev)
);

-- Every change of what is left of a menu item.
CREATE TABLE stock_movements (
    restaurant_id BIGINT NOT NULL,
    item TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- Units left afterwards; null: not counted any more.
    left_after BIGINT,
    -- More or fewer than before; null where one of the two was not counted.
    change BIGINT,
    ref TEXT COLLATE "C",
    role TEXT NOT NULL,
    device TEXT,
    account BIGINT,
    PRIMARY KEY (restaurant_id, item, epoch, rev)
);
-- What was left at the end of a day.
CREATE INDEX stock_movements_by_time ON stock_movements (restaurant_id, item, at);
-- What retention has to look at.
CREATE INDEX stock_movements_by_ref ON stock_movements (restaurant_id, ref) WHERE ref IS NOT NULL;
CREATE INDEX stock_movements_by_actor ON stock_movements (at) WHERE device IS NOT NULL OR account IS NOT NULL;

-- Parties of a day by line, in the state each is in now. `guests` counts people; `waited_ms` is the sum over the
-- parties that were seated of the time from joining to sitting down.
CREATE TABLE day_totals (
    restaurant_id BIGINT NOT NULL,
    day DATE NOT NULL,
    line TEXT NOT NULL,
    parties BIGINT NOT NULL,
    guests BIGINT NOT NULL,
    remote BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    called BIGINT NOT NULL,
    seated BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    no_show BIGINT NOT NULL,
    seated_guests BIGINT NOT NULL,
    waited_ms BIGINT NOT NULL,
    PRIMARY KEY (restaurant_id, day, line)
) WITH (fillfactor = 50);
