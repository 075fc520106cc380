//! Forgets what no longer matters: spent tokens, old sessions, the feed of changes.

use segura_store::{Retention, Writer};

use crate::telemetry::Chain;

/// Forget until nothing is left, in portions between which the writer serves others.
pub async fn purge(writer: Writer) {
    let mut from = None;
    loop {
        match writer.purge(KEPT, from).await {
            Ok(purged) if purged.is_empty() => return,
            Ok(purged) => from = purged.next,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "old rows could not be forgotten");
                return;
            }
        }
    }
}

const DAY: i64 = 24 * 60 * 60;
/// An operator looks at sessions of the last month; the feed serves nodes a minute behind.
const KEPT: Retention = Retention { sessions: 30 * DAY, changes: DAY };
