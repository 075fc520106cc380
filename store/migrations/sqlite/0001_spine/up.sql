-- Everything the first release remembers. The twin for PostgreSQL has the same tables; a test
-- compares them. Ids are text, times seconds since 1970, JSON is text, hashes are bytes.

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
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (number, position)
);

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE keyring (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    wrapped BLOB NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE wrapping_keys (
    id TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL,
    seals BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TABLE certificates (
    role TEXT NOT NULL CHECK (role IN ('authority', 'leaf')),
    made_at BIGINT NOT NULL,
    pem TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (role, made_at)
);

CREATE TABLE operators (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'auditor', 'author')),
    token_hash BLOB NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL
);

CREATE TABLE issuers (
    id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

CREATE TABLE issuer_keys (
    issuer TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    key_set TEXT NOT NULL,
    fetched_at BIGINT NOT NULL
);

CREATE TABLE policies (
    name TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

-- A removed secret stays with version 0, so that last_version is never given again.
CREATE TABLE secrets (
    path TEXT NOT NULL PRIMARY KEY,
    folded TEXT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    owner TEXT,
    tags TEXT NOT NULL,
    max_age BIGINT,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

CREATE TABLE secret_versions (
    path TEXT NOT NULL REFERENCES secrets (path),
    version BIGINT NOT NULL,
    ciphertext BLOB NOT NULL,
    wrapped_key BLOB NOT NULL,
    wrapping_key TEXT NOT NULL REFERENCES wrapping_keys (id),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (path, version)
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    workload TEXT NOT NULL,
    policies TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE spent_tokens (
    issuer TEXT NOT NULL,
    token_key BLOB NOT NULL,
    request_key BLOB NOT NULL,
    request_digest BLOB NOT NULL,
    session TEXT NOT NULL,
    answer TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_key)
) WITHOUT ROWID;
CREATE INDEX spent_tokens_by_end ON spent_tokens (keep_until);

-- The register of chains: number and register_hash make it a chain itself, and each line
-- holds where its predecessor stood.
CREATE TABLE chains (
    id TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    started_at BIGINT NOT NULL,
    previous_seq BIGINT NOT NULL,
    previous_hash BLOB NOT NULL,
    register_hash BLOB NOT NULL,
    head_seq BIGINT NOT NULL,
    head_hash BLOB NOT NULL,
    head_mac BLOB NOT NULL,
    commits BIGINT NOT NULL
);

CREATE TABLE ledger (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    encoding BIGINT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    issuer TEXT,
    subject TEXT,
    operator TEXT,
    session TEXT,
    request TEXT,
    denial TEXT,
    code TEXT,
    client TEXT,
    body TEXT,
    body_digest BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX ledger_by_time ON ledger (at, chain, seq);
CREATE INDEX ledger_by_session ON ledger (session) WHERE session IS NOT NULL;
CREATE INDEX ledger_by_denial ON ledger (denial) WHERE denial IS NOT NULL;

-- Which records name which path.
CREATE TABLE ledger_paths (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    position BIGINT NOT NULL,
    path TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (chain, seq, position)
) WITHOUT ROWID;
CREATE INDEX ledger_paths_by_path ON ledger_paths (path, chain, seq);

-- Counts of the minute under way; closed minutes are records of the ledger.
CREATE TABLE tallies (
    chain TEXT NOT NULL,
    minute BIGINT NOT NULL,
    issuer TEXT NOT NULL,
    code TEXT NOT NULL,
    network TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (chain, minute, issuer, code, network)
) WITHOUT ROWID;
