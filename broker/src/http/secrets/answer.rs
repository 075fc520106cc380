//! What is stored of a secret, in the words of the wire.

use segura_model::Timestamp;
use segura_model::api::{SecretAnswer, SecretMeta, SecretSummary};
use segura_model::duration::Seconds;
use segura_store::{ListedSecret, Receipt, SecretHead, SecretMeta as StoredMeta};

use crate::service::delivery::OpenedSecret;

pub(super) fn secret(opened: OpenedSecret, receipt: Receipt, now: Timestamp) -> SecretAnswer {
    let OpenedSecret { wanted, sealed, fields } = opened;
    SecretAnswer {
        path: wanted.path,
        version: sealed.version(),
        fields,
        meta: meta(sealed.head().meta.clone()),
        overdue: sealed.is_overdue(now),
        receipt: receipt.to_string(),
    }
}

pub(super) fn summary(listed: ListedSecret, now: Timestamp) -> SecretSummary {
    let overdue = listed.is_overdue(now);
    let SecretHead { path, version, meta: stored, created_at, changed_at, changed_by } =
        listed.head;
    let meta = meta(stored);
    SecretSummary { path, version, meta, overdue, created_at, changed_at, changed_by }
}

pub(super) fn meta(stored: StoredMeta) -> SecretMeta {
    let StoredMeta { owner, tags, max_age, expires_at } = stored;
    SecretMeta {
        owner: owner.and_then(|owner| owner.parse().ok()),
        tags,
        max_age: max_age.map(Seconds::new),
        expires_at,
    }
}
