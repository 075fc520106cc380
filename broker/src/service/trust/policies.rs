//! Trust policies: applied, listed, pinned, removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use segura_model::api::{AppliedPolicy, Change, PolicyView};
use segura_model::audit::{Event, Outcome, Record};
use segura_model::policy::{PolicyDraft, PolicyState, Standing, TrustPolicy};
use segura_model::{PolicyName, Timestamp};
use segura_store::{StoredPolicy, Tx};
use serde_json::json;

use super::catalogue::{Catalogue, CompileError, preset};
use super::diff::diff;
use super::seen::{Ids, shown};
use super::{TrustError, TrustService, check_count};
use crate::service::access::Operator;
use crate::service::{Core, Origin};

/// Whether to change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Say what would change.
    Dry,
    /// Change it.
    Real,
}

impl TrustService {
    /// Apply policies: all of them, or none.
    pub async fn policies_apply(
        &self,
        drafts: Vec<PolicyDraft>,
        run: Run,
        by: &Operator,
        origin: Origin,
    ) -> Result<Vec<AppliedPolicy>, TrustError> {
        check_count(drafts.len())?;
        let names: Vec<PolicyName> = drafts.iter().map(|draft| draft.policy.clone()).collect();
        if run == Run::Dry {
            let turn = self.turn(by, origin).await?;
            let catalogue = Catalogue::stored_of(&self.core, &names).await?;
            let now = self.core.clock.now();
            let dry = move || {
                let steps = plan(&catalogue, drafts, now)?;
                Ok(steps.into_iter().map(|step| step.applied).collect())
            };
            return turn.work(dry).await?;
        }
        let record = self.core.record(Event::PolicyApply, Outcome::Changed, by.into(), origin);
        let author = by.name.to_string();
        let unit = self.core.run_by(by, origin, move |tx| {
            Box::pin(async move {
                let steps = plan(&Catalogue::of(tx, &names).await?, drafts, record.at)?;
                write(tx, &steps, &record, &author).await?;
                Ok::<_, TrustError>(steps.into_iter().map(|step| step.applied).collect())
            })
        });
        let applied: Vec<AppliedPolicy> = unit.await?;
        for policy in applied.iter().filter(|policy| policy.change != Change::Unchanged) {
            self.core.seen.forget(&policy.policy);
        }
        self.core.catch_up().await;
        Ok(applied)
    }

    /// Every policy, by name.
    pub async fn policies_list(
        &self,
        by: &Operator,
        origin: Origin,
    ) -> Result<Vec<PolicyView>, TrustError> {
        let turn = self.turn(by, origin).await?;
        let catalogue = Catalogue::stored(&self.core).await?;
        let core = Arc::clone(&self.core);
        let views = move || {
            let names = catalogue.policies.keys();
            names.filter_map(|name| view(&core, &catalogue, name)).collect()
        };
        Ok(turn.work(views).await?)
    }

    /// One policy.
    pub async fn policy(&self, name: &PolicyName) -> Result<PolicyView, TrustError> {
        let catalogue = Catalogue::stored_of(&self.core, std::slice::from_ref(name)).await?;
        view(&self.core, &catalogue, name).ok_or_else(|| TrustError::PolicyNotFound(name.clone()))
    }

    /// Remove a policy. What it alone granted is refused from the next read on.
    pub async fn policy_remove(
        &self,
        name: PolicyName,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), TrustError> {
        let record = self.core.record(Event::PolicyRemove, Outcome::Changed, by.into(), origin);
        let gone = name.clone();
        self.core.run_by(by, origin, move |tx| Box::pin(remove(tx, name, record))).await?;
        self.core.seen.forget(&gone);
        self.core.catch_up().await;
        Ok(())
    }

    /// Pin the ids of a pending policy: those given, or the one set that was seen.
    pub async fn policy_pin(
        &self,
        name: PolicyName,
        ids: Ids,
        by: &Operator,
        origin: Origin,
    ) -> Result<PolicyView, TrustError> {
        let ids = if ids.is_empty() { self.ids_seen(&name).await? } else { ids };
        let record = self.core.record(Event::PolicyPin, Outcome::Changed, by.into(), origin);
        let (pinned, author) = (name.clone(), by.name.to_string());
        self.core
            .run_by(by, origin, move |tx| Box::pin(pin(tx, name, ids, record, author)))
            .await?;
        self.core.seen.forget(&pinned);
        self.core.catch_up().await;
        self.policy(&pinned).await
    }

    /// The ids to pin when none are given: only if there is no choice to be made.
    async fn ids_seen(&self, name: &PolicyName) -> Result<Ids, TrustError> {
        if self.policy(name).await?.pending.is_none() {
            return Err(TrustError::NotPending(name.clone()));
        }
        let unclear = |why| TrustError::PinUnclear { policy: name.clone(), why };
        let mut seen = self.core.seen.of(name);
        match seen.len() {
            1 => Ok(seen.remove(0)),
            0 => Err(unclear(
                "this node has seen no token that matched all else; run the job once, or give \
                 the ids as claim=value"
                    .to_owned(),
            )),
            _ => {
                let sets: Vec<String> = seen.iter().map(shown).collect();
                Err(unclear(format!("several were seen, say which is meant: {}", sets.join(" | "))))
            }
        }
    }
}

/// One policy of an apply.
struct Step {
    compiled: TrustPolicy,
    before: Option<PolicyDraft>,
    applied: AppliedPolicy,
}

/// What applying these drafts does.
fn plan(
    catalogue: &Catalogue,
    drafts: Vec<PolicyDraft>,
    now: Timestamp,
) -> Result<Vec<Step>, TrustError> {
    let mut names = BTreeSet::new();
    let (mut steps, mut errors) = (Vec::with_capacity(drafts.len()), Vec::new());
    for draft in drafts {
        if !names.insert(draft.policy.clone()) {
            return Err(TrustError::Duplicate(draft.policy.to_string()));
        }
        let (policy, before) = (draft.policy.clone(), catalogue.draft(&draft.policy));
        match catalogue.compile(draft) {
            Ok(compiled) => steps.push(Step::new(catalogue, compiled, before, now)),
            Err(CompileError::Policy(error)) => errors.push(error),
            Err(CompileError::NoIssuer(issuer)) => {
                return Err(TrustError::PolicyIssuer { policy, issuer });
            }
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(TrustError::Policies(errors)) }
}

impl Step {
    fn new(
        catalogue: &Catalogue,
        compiled: TrustPolicy,
        before: Option<PolicyDraft>,
        now: Timestamp,
    ) -> Self {
        let change = match &before {
            Some(before) if before == compiled.draft() => Change::Unchanged,
            _ if catalogue.policies.contains_key(compiled.name()) => Change::Replaced,
            _ => Change::Created,
        };
        let applied = AppliedPolicy {
            policy: compiled.name().clone(),
            change,
            state: compiled.standing(now),
            pending: pending(&compiled),
            warnings: compiled.lint(now).iter().map(ToString::to_string).collect(),
        };
        Self { compiled, before, applied }
    }

    fn record(&self, of_apply: &Record) -> Record {
        let mut record = of_apply.clone();
        record.detail = json!({
            "policy": self.compiled.name(),
            "state": self.compiled.state().as_str(),
            "diff": diff(self.before.as_ref(), self.compiled.draft()),
        });
        record
    }
}

/// Write what is new or another, all rows together: nobody else can write meanwhile.
async fn write(
    tx: &mut Tx,
    steps: &[Step],
    record: &Record,
    author: &str,
) -> Result<(), TrustError> {
    let changes = || steps.iter().filter(|step| step.applied.change != Change::Unchanged);
    let rows: Vec<_> = changes().map(|step| stored(&step.compiled, record, author)).collect();
    tx.policy_put_all(&rows).await?;
    changes().try_for_each(|step| Ok(tx.record(&step.record(record))?))
}

async fn remove(tx: &mut Tx, name: PolicyName, mut record: Record) -> Result<(), TrustError> {
    let found = tx.policy_find(&name).await?;
    // A row that does not check cannot be found, and goes all the same.
    if !tx.policy_remove(&name).await? {
        return Err(TrustError::PolicyNotFound(name));
    }
    let before: serde_json::Value =
        found.and_then(|found| serde_json::from_str(&found.body).ok()).unwrap_or_default();
    record.detail = json!({ "policy": name, "before": before });
    Ok(tx.record(&record)?)
}

async fn pin(
    tx: &mut Tx,
    name: PolicyName,
    ids: Ids,
    mut record: Record,
    author: String,
) -> Result<(), TrustError> {
    let catalogue = Catalogue::of(tx, std::slice::from_ref(&name)).await?;
    let draft = catalogue.draft(&name);
    let draft = draft.ok_or_else(|| TrustError::PolicyNotFound(name.clone()))?;
    let before = catalogue.compile(draft)?;
    if before.is_active() {
        return Err(TrustError::NotPending(name.clone()));
    }
    let entry = catalogue.issuers.get(before.issuer());
    let entry = entry.ok_or_else(|| TrustError::IssuerNotFound(before.issuer().clone()))?;
    let pinned = before
        .pin(&ids, entry, preset(entry)?)
        .map_err(|error| TrustError::Policies(vec![error]))?;
    tx.policy_put(&stored(&pinned, &record, &author)).await?;
    record.detail = json!({
        "policy": name,
        "ids": ids,
        "diff": diff(Some(before.draft()), pinned.draft()),
    });
    Ok(tx.record(&record)?)
}

fn stored(policy: &TrustPolicy, record: &Record, author: &str) -> StoredPolicy {
    StoredPolicy {
        name: policy.name().clone(),
        issuer: policy.issuer().clone(),
        body: serde_json::to_string(policy.draft()).expect("a draft is JSON"),
        changed_at: record.at,
        changed_by: author.to_owned(),
    }
}

fn pending(policy: &TrustPolicy) -> Option<String> {
    match policy.state() {
        PolicyState::Active => None,
        PolicyState::Pending(reason) => Some(reason.to_string()),
    }
}

fn view(core: &Core, catalogue: &Catalogue, name: &PolicyName) -> Option<PolicyView> {
    let stored = catalogue.policies.get(name)?;
    let draft = catalogue.draft(name)?;
    let (state, pending) = match catalogue.compile(draft.clone()) {
        Ok(policy) => (
            policy.standing(core.clock.now()),
            pending(&policy).map(|reason| with_seen(core, name, reason)),
        ),
        Err(error) => (
            Standing::Pending,
            Some(format!("it does not compile any more: {}", TrustError::from(error))),
        ),
    };
    let (changed_at, changed_by) = (stored.changed_at, stored.changed_by.clone());
    Some(PolicyView { draft, state, pending, changed_at, changed_by })
}

fn with_seen(core: &Core, name: &PolicyName, reason: String) -> String {
    let seen: Vec<String> = core.seen.of(name).iter().map(shown).collect();
    if seen.is_empty() { reason } else { format!("{reason}; seen: {}", seen.join(" | ")) }
}
