ALTER TABLE spent_tokens ADD COLUMN request_key BYTEA NOT NULL DEFAULT '';
ALTER TABLE spent_tokens ADD COLUMN request_digest BYTEA NOT NULL DEFAULT '';
ALTER TABLE spent_tokens ADD COLUMN answer TEXT NOT NULL DEFAULT '';
UPDATE spent_tokens SET request_key = COALESCE(sessions.request_key, ''),
    request_digest = COALESCE(sessions.request_digest, ''),
    answer = COALESCE(sessions.answer, '')
FROM sessions WHERE sessions.id = spent_tokens.session;
CREATE INDEX spent_tokens_by_end ON spent_tokens (keep_until);

ALTER TABLE sessions DROP COLUMN answer;
ALTER TABLE sessions DROP COLUMN request_digest;
ALTER TABLE sessions DROP COLUMN request_key;
