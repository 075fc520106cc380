-- What repeats an answer moves to the session that the token opened, which is written next to
-- the one before it. A spent token lies wherever its digest says, so that each costs a page of
-- the log: short rows are many to a page, and without an index on their end there is one page
-- less. They are forgotten by a sweep instead.
ALTER TABLE sessions ADD COLUMN request_key BLOB;
ALTER TABLE sessions ADD COLUMN request_digest BLOB;
ALTER TABLE sessions ADD COLUMN answer TEXT;
UPDATE sessions SET request_key = spent.request_key, request_digest = spent.request_digest,
    answer = spent.answer
FROM spent_tokens AS spent WHERE spent.session = sessions.id;

CREATE TABLE slim (
    issuer TEXT NOT NULL,
    token_key BLOB NOT NULL,
    session TEXT NOT NULL,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_key)
) WITHOUT ROWID;
INSERT INTO slim (issuer, token_key, session, keep_until)
    SELECT issuer, token_key, session, keep_until FROM spent_tokens;
DROP TABLE spent_tokens;
ALTER TABLE slim RENAME TO spent_tokens;
