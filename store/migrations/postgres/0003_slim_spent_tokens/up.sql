-- See the twin for SQLite.
ALTER TABLE sessions ADD COLUMN request_key BYTEA;
ALTER TABLE sessions ADD COLUMN request_digest BYTEA;
ALTER TABLE sessions ADD COLUMN answer TEXT;
UPDATE sessions SET request_key = spent.request_key, request_digest = spent.request_digest,
    answer = spent.answer
FROM spent_tokens AS spent WHERE spent.session = sessions.id;

DROP INDEX spent_tokens_by_end;
ALTER TABLE spent_tokens DROP COLUMN answer;
ALTER TABLE spent_tokens DROP COLUMN request_digest;
ALTER TABLE spent_tokens DROP COLUMN request_key;
