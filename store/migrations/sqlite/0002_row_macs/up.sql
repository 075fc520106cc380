-- A MAC in each row that decides whom the broker believes and who may do what, so that a row
-- planted or edited with SQL is found (ADR 0009). Rows from before this hold none and are
-- refused: `segura operator recover` and then applying issuers and policies again mends them.
ALTER TABLE operators ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE issuers ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE issuer_keys ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE policies ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE meta ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
