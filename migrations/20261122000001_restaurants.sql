-- Restaurants, their lines, menus and rules: what `load` opens a live queue from.

-- Ids are 63 random bits, not a sequence: Redis keys and ticket ids carry them, so an id that a restored backup
-- gave out a second time would hang a new restaurant onto another one's live queue.
CREATE FUNCTION random_id() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT greatest(
        1,
        ('x' || encode(substring(sha256(uuid_send(gen_random_uuid())) FROM 1 FOR 8), 'hex'))::bit(64)::bigint
            & 9223372036854775807
    )
$$;

CREATE TABLE restaurants (
    id BIGINT PRIMARY KEY DEFAULT random_id() CHECK (id > 0),
    -- Changeable; nothing else refers to it.
    slug TEXT NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' AND length(slug) <= 63),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- IANA name; the code checks that it exists.
    time_zone TEXT NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    -- ISO 4217.
    currency CHAR(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Only what differs from the defaults: one JSON object instead of 22 columns, because the rules are read and
    -- replaced as one, checked by one type in the code, and a new rule then needs no migration.
    policy JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policy) = 'object'),
    -- Counts the edits: a replacement names the version it saw, so that two owners never overwrite each other unseen.
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- The public list, oldest first: a restaurant added while somebody pages through it comes at the end.
CREATE UNIQUE INDEX restaurants_by_age ON restaurants (created_at, id);

CREATE TABLE lines (
    restaurant_id BIGINT NOT NULL REFERENCES restaurants ON DELETE CASCADE,
    letter CHAR(1) NOT NULL CHECK (ascii(letter) BETWEEN 65 AND 90),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    position INTEGER NOT NULL CHECK (position >= 0),
    PRIMARY KEY (restaurant_id, letter)
);

CREATE TABLE menu_items (
    restaurant_id BIGINT NOT NULL REFERENCES restaurants ON DELETE CASCADE,
    id TEXT NOT NULL CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- In the minor unit of the restaurant's currency.
    price BIGINT NOT NULL CHECK (price BETWEEN 0 AND 1000000000000),
    -- Units at the start of a business day; null is not counted.
    stock BIGINT CHECK (stock BETWEEN 0 AND 1000000000),
    position INTEGER NOT NULL CHECK (position >= 0),
    PRIMARY KEY (restaurant_id, id)
);
