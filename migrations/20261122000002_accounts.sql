-- Who may sign in, what they may do where, and the sessions they have.

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY DEFAULT random_id() CHECK (id > 0),
    -- Lower-case printable ASCII: one address has one spelling, so that UNIQUE holds whatever case was typed.
    email TEXT NOT NULL UNIQUE CHECK (email = lower(email) AND email ~ '^[!-~]+@[!-~]+$' AND length(email) <= 254),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- PHC string, argon2id.
    password_hash TEXT NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    -- Runs the platform.
    is_admin BOOLEAN NOT NULL DEFAULT false,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE restaurant_roles (
    account_id BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    restaurant_id BIGINT NOT NULL REFERENCES restaurants ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('staff', 'owner')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, restaurant_id)
);

-- Who works here.
CREATE INDEX restaurant_roles_by_restaurant ON restaurant_roles (restaurant_id);

CREATE TABLE sessions (
    id BIGINT PRIMARY KEY DEFAULT random_id() CHECK (id > 0),
    account_id BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    -- SHA-256 of the one refresh token that is still good. Older ones need no rows: each token proves by itself
    -- that it was issued for this session, so one that is genuine and not this one was used before.
    refresh_hash BYTEA NOT NULL CHECK (length(refresh_hash) = 32),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    renewed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);

CREATE INDEX sessions_by_account ON sessions (account_id);
-- What has to be told to an emptied Redis.
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
-- What the clean-up deletes.
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
