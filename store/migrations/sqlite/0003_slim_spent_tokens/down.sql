CREATE TABLE wide (
    issuer TEXT NOT NULL,
    token_key BLOB NOT NULL,
    request_key BLOB NOT NULL,
    request_digest BLOB NOT NULL,
    session TEXT NOT NULL,
    answer TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_key)
) WITHOUT ROWID;
INSERT INTO wide (issuer, token_key, request_key, request_digest, session, answer, keep_until)
    SELECT spent.issuer, token_key, COALESCE(request_key, x''), COALESCE(request_digest, x''),
        session, COALESCE(answer, ''), keep_until
    FROM spent_tokens AS spent LEFT JOIN sessions ON sessions.id = spent.session;
DROP TABLE spent_tokens;
ALTER TABLE wide RENAME TO spent_tokens;
CREATE INDEX spent_tokens_by_end ON spent_tokens (keep_until);

ALTER TABLE sessions DROP COLUMN answer;
ALTER TABLE sessions DROP COLUMN request_digest;
ALTER TABLE sessions DROP COLUMN request_key;
