//! Issuer entries: whom the broker believes.
//!
//! A changed entry decides what its policies mean, so an apply compiles them all against
//! it and is refused if one breaks or would wait to be pinned: nothing is left behind
//! that grants nothing silently.

use std::collections::BTreeSet;

use segura_model::api::{AppliedIssuer, Change};
use segura_model::audit::{Event, Outcome, Record};
use segura_model::issuer::IssuerDraft;
use segura_model::policy::{PolicyDraft, TrustPolicy};
use segura_model::{IssuerEntry, IssuerId};
use segura_store::{StoredIssuer, Tx};
use serde_json::json;

use super::catalogue::{Catalogue, CompileError, preset};
use super::diff::diff;
use super::policies::Run;
use super::{TrustError, TrustService, check_count};
use crate::oidc::{IssuerSet, IssuerSetError};
use crate::service::Origin;
use crate::service::access::Operator;

impl TrustService {
    /// Apply issuer files: all of them, or none.
    pub async fn issuers_apply(
        &self,
        drafts: Vec<IssuerDraft>,
        run: Run,
        by: &Operator,
        origin: Origin,
    ) -> Result<Vec<AppliedIssuer>, TrustError> {
        check_count(drafts.len())?;
        let entries = self.compile(drafts)?;
        if run == Run::Dry {
            let turn = self.turn(by, origin).await?;
            let catalogue = Catalogue::stored(&self.core).await?;
            let dry = move || {
                Ok(plan(catalogue, entries)?.into_iter().map(|step| step.applied).collect())
            };
            return turn.work(dry).await?;
        }
        let record = self.core.record(Event::IssuerApply, Outcome::Changed, by.into(), origin);
        let author = by.name.to_string();
        let unit = self.core.run_by(by, origin, move |tx| {
            Box::pin(async move {
                let steps = plan(Catalogue::in_transaction(tx).await?, entries)?;
                for step in &steps {
                    step.write(tx, &record, &author).await?;
                }
                Ok::<_, TrustError>(steps.into_iter().map(|step| step.applied).collect())
            })
        });
        let applied = unit.await?;
        self.core.catch_up().await;
        Ok(applied)
    }

    /// Every entry, by id.
    pub async fn issuers_list(&self) -> Result<Vec<IssuerEntry>, TrustError> {
        let stored = self.core.store().issuer_list(&*self.core.row_mac).await?;
        Ok(stored.into_iter().map(|stored| stored.entry).collect())
    }

    /// One entry.
    pub async fn issuer(&self, id: &IssuerId) -> Result<IssuerEntry, TrustError> {
        let stored = self.core.store().issuer_find(id, &*self.core.row_mac).await?;
        stored.map(|stored| stored.entry).ok_or_else(|| TrustError::IssuerNotFound(id.clone()))
    }

    /// Remove an entry that no policy speaks of.
    pub async fn issuer_remove(
        &self,
        id: IssuerId,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), TrustError> {
        let record = self.core.record(Event::IssuerRemove, Outcome::Changed, by.into(), origin);
        self.core.run_by(by, origin, move |tx| Box::pin(remove(tx, id, record))).await?;
        self.core.catch_up().await;
        Ok(())
    }

    fn compile(&self, drafts: Vec<IssuerDraft>) -> Result<Vec<IssuerEntry>, TrustError> {
        let mut ids = BTreeSet::new();
        let mut entries = Vec::with_capacity(drafts.len());
        for mut draft in drafts {
            let issuer = draft.issuer.clone();
            if !ids.insert(issuer.clone()) {
                return Err(TrustError::Duplicate(issuer.to_string()));
            }
            let preset = segura_plugins::preset(&draft.preset);
            let preset = preset.ok_or_else(|| IssuerSetError::UnknownPreset {
                issuer: issuer.clone(),
                preset: draft.preset.clone(),
            })?;
            draft.audiences_or(preset, &self.audiences);
            let refuse = |why: String| TrustError::IssuerDraft { issuer: issuer.clone(), why };
            let entry = draft.compile(preset).map_err(|error| refuse(error.to_string()))?;
            self.files.refuse(&entry).map_err(|error| refuse(error.to_string()))?;
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// One entry of an apply.
struct Step {
    before: Option<IssuerEntry>,
    applied: AppliedIssuer,
}

impl Step {
    async fn write(&self, tx: &mut Tx, record: &Record, author: &str) -> Result<(), TrustError> {
        let AppliedIssuer { change, entry, .. } = &self.applied;
        if *change == Change::Unchanged {
            return Ok(());
        }
        let (entry, changed_at) = (entry.clone(), record.at);
        tx.issuer_put(&StoredIssuer { entry, changed_at, changed_by: author.to_owned() }).await?;
        let mut record = record.clone();
        record.detail = json!({
            "issuer": self.applied.entry.id,
            "diff": diff(self.before.as_ref(), &self.applied.entry),
        });
        Ok(tx.record(&record)?)
    }
}

/// What applying these entries does.
fn plan(mut catalogue: Catalogue, entries: Vec<IssuerEntry>) -> Result<Vec<Step>, TrustError> {
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        let before = catalogue.issuers.insert(entry.id.clone(), entry.clone());
        let change = match &before {
            None => Change::Created,
            Some(before) if *before == entry => Change::Unchanged,
            Some(_) => Change::Replaced,
        };
        let warnings = warnings(&entry);
        steps.push(Step { before, applied: AppliedIssuer { change, entry, warnings } });
    }
    IssuerSet::build(catalogue.issuers.values().cloned().collect())?;
    steps.iter().try_for_each(|step| check_policies(&catalogue, step))?;
    Ok(steps)
}

/// Every policy of a changed entry must still compile against it, and grant what it grants.
fn check_policies(catalogue: &Catalogue, step: &Step) -> Result<(), TrustError> {
    let issuer = &step.applied.entry.id;
    let (mut broken, mut disarmed) = (Vec::new(), Vec::new());
    let touched = catalogue.policies.values().filter(|policy| policy.issuer == *issuer);
    for draft in touched.filter_map(|stored| catalogue.draft(&stored.name)) {
        match catalogue.compile(draft.clone()) {
            Ok(policy) if policy.is_active() || !was_active(draft, step) => {}
            Ok(policy) => disarmed.push(policy.name().clone()),
            Err(CompileError::Policy(error)) => broken.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    disarmed.truncate(10);
    match (broken.is_empty(), disarmed.is_empty()) {
        (false, _) => Err(TrustError::Policies(broken)),
        (true, false) => {
            Err(TrustError::IssuerDisarms { issuer: issuer.clone(), policies: disarmed })
        }
        (true, true) => Ok(()),
    }
}

/// Whether a policy granted something under the entry as it was.
fn was_active(draft: PolicyDraft, step: &Step) -> bool {
    let Some(before) = &step.before else { return false };
    let Ok(preset) = preset(before) else { return false };
    TrustPolicy::compile(draft, before, preset).is_ok_and(|policy| policy.is_active())
}

async fn remove(tx: &mut Tx, id: IssuerId, mut record: Record) -> Result<(), TrustError> {
    let stored = tx.issuer_find(&id).await?;
    let policies = tx.policy_list().await?;
    let users = policies.into_iter().filter(|policy| policy.issuer == id);
    let users: Vec<_> = users.map(|policy| policy.name).take(10).collect();
    if !users.is_empty() {
        return Err(TrustError::IssuerInUse { issuer: id, policies: users });
    }
    // A row that does not check cannot be found, and goes all the same.
    if !tx.issuer_remove(&id).await? {
        return Err(TrustError::IssuerNotFound(id));
    }
    record.detail = json!({ "issuer": id, "before": stored.map(|stored| stored.entry) });
    Ok(tx.record(&record)?)
}

fn warnings(entry: &IssuerEntry) -> Vec<String> {
    let plain = entry
        .iss
        .is_loopback_http()
        .then(|| "it is trusted over plain http on this machine: for development only".to_owned());
    plain.into_iter().collect()
}
