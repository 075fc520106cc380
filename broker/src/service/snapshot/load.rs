//! Loading a snapshot: all of it, or what the feed says has changed.
//!
//! A stored policy or entry that does not check, or that this version cannot use, is left
//! out with an error in the log: it grants nothing, and the rest goes on.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use segura_model::policy::{PolicyDraft, PolicySet, TrustPolicy};
use segura_model::{IssuerEntry, PolicyName, SecretPath};
use segura_store::{Change, ChangeKind, ChangeNumber, Changes, StoreError, StoredPolicy};

use super::{Snapshot, Source};
use crate::oidc::{IssuerSet, IssuerSetError};
use crate::service::base::off_worker;
use crate::service::epochs::{self, Epochs};

/// Beyond this many changed policies, all are read at once.
const MANY: usize = 1000;

/// Load everything, as of a number that was read before: what is read after it can only be
/// newer.
///
/// It is the caller's number and not today's, because the envelopes of what changed up to
/// it, and of nothing later, were thrown out.
pub(super) async fn everything(
    source: &Source,
    change: ChangeNumber,
) -> Result<Snapshot, StoreError> {
    let Source { store, row_mac } = source;
    let entries = store.issuer_list(&**row_mac).await?;
    let entries = entries.into_iter().map(|stored| stored.entry).collect();
    let issuers = Arc::new(issuer_set(entries));
    let stored = store.policy_list(&**row_mac).await?;
    let for_policies = Arc::clone(&issuers);
    let policies = off_worker(move || {
        PolicySet::build(stored.iter().filter_map(|row| policy(&for_policies, row)).collect())
    })
    .await?;
    let (policies, epochs) = (Arc::new(policies), Arc::new(epochs(source).await?));
    Ok(Snapshot { change, issuers, policies, epochs, keyring: change })
}

/// The snapshot after these changes.
pub(super) async fn changed(
    source: &Source,
    before: Arc<Snapshot>,
    changes: &Changes,
) -> Result<Snapshot, StoreError> {
    let of_kind = |kind| changes.list.iter().filter(move |change| change.kind == kind);
    let names: BTreeSet<PolicyName> =
        of_kind(ChangeKind::Policy).filter_map(|change| change.key.parse().ok()).collect();
    // Every policy of a changed entry compiles anew, also one that did not before.
    let keyring = match of_kind(ChangeKind::Keyring).next() {
        Some(_) => changes.now,
        None => before.keyring,
    };
    if of_kind(ChangeKind::Issuer).next().is_some() || names.len() > MANY {
        return Ok(Snapshot { keyring, ..everything(source, changes.now).await? });
    }
    let epochs = if of_kind(ChangeKind::Meta).any(|change| change.key == epochs::KEY) {
        Arc::new(epochs(source).await?)
    } else {
        Arc::clone(&before.epochs)
    };
    let policies = if names.is_empty() {
        Arc::clone(&before.policies)
    } else {
        Arc::new(replace_policies(source, &before, names).await?)
    };
    let (change, issuers) = (changes.now, Arc::clone(&before.issuers));
    Ok(Snapshot { change, issuers, policies, epochs, keyring })
}

async fn epochs(source: &Source) -> Result<Epochs, StoreError> {
    Epochs::checked(source.store.meta_check(epochs::KEY, &*source.row_mac).await?)
}

/// Whether a kept secret is touched by these changes.
pub(super) fn touches(changes: &[Change]) -> impl Fn(&SecretPath) -> bool {
    let changes = changes.iter().filter(|change| change.kind == ChangeKind::Secret);
    let paths: HashSet<String> = changes.map(|change| change.key.clone()).collect();
    move |path| paths.contains(path.as_str())
}

async fn replace_policies(
    source: &Source,
    before: &Arc<Snapshot>,
    names: BTreeSet<PolicyName>,
) -> Result<PolicySet, StoreError> {
    let list: Vec<PolicyName> = names.iter().cloned().collect();
    let stored = source.store.policy_find_all(&list, &*source.row_mac).await?;
    let before = Arc::clone(before);
    off_worker(move || {
        let found = stored.iter().filter_map(|row| policy(&before.issuers, row)).collect();
        before.policies.replace(&names, found)
    })
    .await
}

/// The set of these entries, without those that clash or are not understood.
fn issuer_set(mut entries: Vec<IssuerEntry>) -> IssuerSet {
    loop {
        let error = match IssuerSet::build(entries.clone()) {
            Ok(set) => return set,
            Err(error) => error,
        };
        let unusable = match &error {
            IssuerSetError::Ambiguous { second, .. } => second,
            IssuerSetError::UnknownPreset { issuer, .. } => issuer,
        };
        tracing::error!(issuer = %unusable, error = %error, "an issuer entry is left out");
        entries.retain(|entry| entry.id != *unusable);
    }
}

fn policy(issuers: &IssuerSet, row: &StoredPolicy) -> Option<Arc<TrustPolicy>> {
    let left_out = |error: &dyn std::fmt::Display| {
        tracing::error!(policy = %row.name, error = %error, "a policy is left out");
    };
    let Some(entry) = issuers.by_id(&row.issuer) else {
        left_out(&"its issuer entry is not there");
        return None;
    };
    let Some(preset) = segura_plugins::preset(&entry.preset) else {
        left_out(&"its issuer's preset is not known");
        return None;
    };
    let draft: PolicyDraft =
        serde_json::from_str(&row.body).inspect_err(|error| left_out(error)).ok()?;
    let policy = TrustPolicy::compile(draft, entry, preset);
    policy.inspect_err(|error| left_out(error)).ok().map(Arc::new)
}
