//! Issuers and policies as they are stored: what a plan is made against.
//!
//! Read through a transaction to apply, or through the store for a dry run; the plan is
//! the same.

use std::collections::BTreeMap;

use segura_model::policy::{PolicyDraft, PolicyError, TrustPolicy};
use segura_model::{IssuerEntry, IssuerId, PolicyName};
use segura_store::{StoreError, StoredPolicy, Tx};

use super::TrustError;
use crate::service::Core;

/// Everything that trust consists of, as of one moment.
pub(super) struct Catalogue {
    pub(super) issuers: BTreeMap<IssuerId, IssuerEntry>,
    pub(super) policies: BTreeMap<PolicyName, StoredPolicy>,
}

impl Catalogue {
    /// As a unit of work sees it.
    pub(super) async fn in_transaction(tx: &mut Tx) -> Result<Self, StoreError> {
        let issuers = tx.issuer_list().await?.into_iter().map(|stored| stored.entry).collect();
        Ok(Self::new(issuers, tx.policy_list().await?))
    }

    /// As a unit of work sees it, with these policies only: ten thousand others need not
    /// be read while nobody else can write.
    pub(super) async fn of(tx: &mut Tx, names: &[PolicyName]) -> Result<Self, StoreError> {
        let issuers = tx.issuer_list().await?.into_iter().map(|stored| stored.entry).collect();
        Ok(Self::new(issuers, tx.policy_find_all(names).await?))
    }

    /// As it is stored now.
    pub(super) async fn stored(core: &Core) -> Result<Self, StoreError> {
        let policies = core.store().policy_list(&*core.row_mac).await?;
        Ok(Self::new(stored_issuers(core).await?, policies))
    }

    /// As it is stored now, with these policies only.
    pub(super) async fn stored_of(core: &Core, names: &[PolicyName]) -> Result<Self, StoreError> {
        let policies = core.store().policy_find_all(names, &*core.row_mac).await?;
        Ok(Self::new(stored_issuers(core).await?, policies))
    }

    fn new(issuers: Vec<IssuerEntry>, policies: Vec<StoredPolicy>) -> Self {
        Self {
            issuers: issuers.into_iter().map(|entry| (entry.id.clone(), entry)).collect(),
            policies: policies.into_iter().map(|stored| (stored.name.clone(), stored)).collect(),
        }
    }

    /// Compile a draft against its issuer entry.
    pub(super) fn compile(&self, draft: PolicyDraft) -> Result<TrustPolicy, CompileError> {
        let issuer = &draft.issuer;
        let entry = self.issuers.get(issuer);
        let entry = entry.ok_or_else(|| CompileError::NoIssuer(issuer.clone()))?;
        let preset = preset(entry)?;
        Ok(TrustPolicy::compile(draft, entry, preset)?)
    }

    /// A stored draft; `None` if this version cannot read it.
    pub(super) fn draft(&self, name: &PolicyName) -> Option<PolicyDraft> {
        serde_json::from_str(&self.policies.get(name)?.body).ok()
    }
}

async fn stored_issuers(core: &Core) -> Result<Vec<IssuerEntry>, StoreError> {
    let stored = core.store().issuer_list(&*core.row_mac).await?;
    Ok(stored.into_iter().map(|stored| stored.entry).collect())
}

/// The preset of an entry.
pub(super) fn preset(
    entry: &IssuerEntry,
) -> Result<&'static segura_model::preset::Preset, CompileError> {
    segura_plugins::preset(&entry.preset).ok_or_else(|| CompileError::NoIssuer(entry.id.clone()))
}

/// Why a draft does not compile.
pub(super) enum CompileError {
    /// Its issuer entry, or that entry's preset, is not known.
    NoIssuer(IssuerId),
    /// It breaks a rule.
    Policy(PolicyError),
}

impl From<PolicyError> for CompileError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

impl From<CompileError> for TrustError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::NoIssuer(issuer) => Self::IssuerNotFound(issuer),
            CompileError::Policy(error) => Self::Policies(vec![error]),
        }
    }
}
