-- Everything the first release remembers. The twin for SQLite has the same tables; a test
-- compares them. Ids are text, times seconds since 1970, JSON is text, hashes are bytes.
-- COLLATE "C" everywhere: pages go on after a key, and both databases must sort alike.

-- Raised by every change of trust or vault, in the same transaction.
CREATE TABLE change_number (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO change_number (id, number) VALUES (1, 0);

-- What changed, for the other nodes; pruned.
CREATE TABLE changes (
    number BIGINT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (number, position)
);

CREATE TABLE meta (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE keyring (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    wrapped BYTEA NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE wrapping_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    seals BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TABLE certificates (
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('authority', 'leaf')),
    made_at BIGINT NOT NULL,
    pem TEXT COLLATE "C" NOT NULL,
    sealed_key BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (role, made_at)
);

CREATE TABLE operators (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'auditor', 'author')),
    token_hash BYTEA NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL
);

CREATE TABLE issuers (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL
);

CREATE TABLE issuer_keys (
    issuer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    key_set TEXT COLLATE "C" NOT NULL,
    fetched_at BIGINT NOT NULL
);

CREATE TABLE policies (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    issuer TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL
);

-- A removed secret stays with version 0, so that last_version is never given again.
CREATE TABLE secrets (
    path TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    folded TEXT COLLATE "C" NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    owner TEXT COLLATE "C",
    tags TEXT COLLATE "C" NOT NULL,
    max_age BIGINT,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL
);

CREATE TABLE secret_versions (
    path TEXT COLLATE "C" NOT NULL REFERENCES secrets (path),
    version BIGINT NOT NULL,
    ciphertext BYTEA NOT NULL,
    wrapped_key BYTEA NOT NULL,
    wrapping_key TEXT COLLATE "C" NOT NULL REFERENCES wrapping_keys (id),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (path, version)
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    workload TEXT COLLATE "C" NOT NULL,
    policies TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE spent_tokens (
    issuer TEXT COLLATE "C" NOT NULL,
    token_key BYTEA NOT NULL,
    request_key BYTEA NOT NULL,
    request_digest BYTEA NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_key)
);
CREATE INDEX spent_tokens_by_end ON spent_tokens (keep_until);

-- The register of chains: number and register_hash make it a chain itself, and each line
-- holds where its predecessor stood.
CREATE TABLE chains (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    started_at BIGINT NOT NULL,
    previous_seq BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    register_hash BYTEA NOT NULL,
    head_seq BIGINT NOT NULL,
    head_hash BYTEA NOT NULL,
    head_mac BYTEA NOT NULL,
    commits BIGINT NOT NULL
);

CREATE TABLE ledger (
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    encoding BIGINT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    issuer TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    operator TEXT COLLATE "C",
    session TEXT COLLATE "C",
    request TEXT COLLATE "C",
    denial TEXT COLLATE "C",
    code TEXT COLLATE "C",
    client TEXT COLLATE "C",
    body TEXT COLLATE "C",
    body_digest BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX ledger_by_time ON ledger (at, chain, seq);
CREATE INDEX ledger_by_session ON ledger (session) WHERE session IS NOT NULL;
CREATE INDEX ledger_by_denial ON ledger (denial) WHERE denial IS NOT NULL;

-- Which records name which path.
CREATE TABLE ledger_paths (
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    position BIGINT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (chain, seq, position)
);
CREATE INDEX ledger_paths_by_path ON ledger_paths (path, chain, seq);

-- Counts of the minute under way; closed minutes are records of the ledger.
CREATE TABLE tallies (
    chain TEXT COLLATE "C" NOT NULL,
    minute BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    network TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (chain, minute, issuer, code, network)
);
