//! Epochs: every session opened before one is refused.
//!
//! A session knows the change number that it was opened under, and an epoch the number
//! it was raised under, so the two compare exactly, whatever the clocks of the nodes
//! say. All epochs are one fact of the store; if that does not check, every session is
//! refused until an epoch is raised. An epoch of a name matters only while a
//! session of before it could still live, and is forgotten after that.

use std::collections::BTreeMap;
use std::sync::Arc;

use segura_model::api::{EpochAnswer, EpochScope};
use segura_model::audit::{Actor, Event, Outcome};
use segura_model::{Class, Classify, IssuerId, PolicyName, Timestamp};
use segura_store::{ChangeNumber, Checked, LedgerFilter, SessionScope, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::Operator;
use super::{Core, Origin};

/// The fact of the store that holds them.
pub(crate) const KEY: &str = "epochs";
/// Longer than the longest session, in seconds.
const MATTERS_FOR: i64 = 13 * 3600;
/// How many workloads may have an epoch of their own at a time.
const MAX_WORKLOADS: usize = 200;

/// All epochs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epochs {
    #[serde(default)]
    all: Option<Epoch>,
    #[serde(default)]
    issuers: BTreeMap<IssuerId, Epoch>,
    #[serde(default)]
    policies: BTreeMap<PolicyName, Epoch>,
    #[serde(default)]
    workloads: BTreeMap<IssuerId, BTreeMap<String, Epoch>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Epoch {
    /// Sessions opened under this number or an earlier one are refused.
    change: i64,
    at: Timestamp,
}

impl Epoch {
    const fn covers(self, change: ChangeNumber) -> bool {
        change.0 <= self.change
    }
}

/// Why an epoch was not raised.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// Too many workloads have one.
    #[error(
        "{MAX_WORKLOADS} workloads had their epoch raised within {} hours: raise the issuer's \
         or the policy's instead",
        MATTERS_FOR / 3600
    )]
    Full,
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A subject of a shape that no token has.
    #[error("a subject has 1 to 512 bytes and no control characters")]
    Subject,
}

impl Classify for EpochError {
    fn class(&self) -> Class {
        match self {
            Self::Full => Class::conflict("epochs-full"),
            Self::Store(error) => error.class(),
            Self::Subject => Class::bad_request("epoch-subject"),
        }
    }
}

/// Raises epochs.
#[derive(Clone)]
pub struct EpochService {
    core: Arc<Core>,
}

impl EpochService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Refuse every session of this scope that is open now, and say how many there were. What
    /// is not known here is taken too: a policy that was removed has sessions still.
    pub async fn raise(
        &self,
        scope: EpochScope,
        by: &Operator,
        origin: Origin,
    ) -> Result<EpochAnswer, EpochError> {
        check(&scope)?;
        let (known, raised) = (self.knows(&scope).await?, scope.clone());
        let mut record =
            self.core.record(Event::EpochRaise, Outcome::Changed, Actor::from(by), origin);
        let unit = self.core.run_by(by, origin, move |tx| {
            Box::pin(async move {
                let stored = tx.meta_check(KEY).await?;
                // The unit of work holds the number's row: no other change can commit between
                // this reading and ours.
                let change = tx.change_number().await?;
                let mut epochs = Epochs::to_raise(stored, change, record.at)?;
                epochs.raise(scope.clone(), change, record.at)?;
                tx.meta_put(KEY, &epochs.to_text()).await?;
                // The epoch alone refuses them, and one that is opened at this moment too;
                // their rows are ended so that a list shows who is still in.
                let ended = tx.session_end_all(&of(&scope), record.at).await?;
                let sessions = u64::try_from(ended).unwrap_or(u64::MAX);
                record.detail = json!({ "scope": scope, "sessions": sessions });
                tx.record(&record)?;
                Ok(sessions)
            })
        });
        let sessions: Result<u64, EpochError> = unit.await;
        let sessions = sessions?;
        self.core.catch_up().await;
        Ok(EpochAnswer { scope: raised, sessions, known })
    }

    /// Whether what a scope names is known here.
    async fn knows(&self, scope: &EpochScope) -> Result<bool, StoreError> {
        let (store, mac) = (self.core.store(), &*self.core.row_mac);
        Ok(match scope {
            EpochScope::All => true,
            EpochScope::Issuer(issuer) => store.issuer_find(issuer, mac).await?.is_some(),
            EpochScope::Policy(policy) => store.policy_find(policy, mac).await?.is_some(),
            EpochScope::Workload { issuer, subject } => {
                let (issuer, subject) = (Some(issuer.clone()), Some(subject.clone()));
                let of = LedgerFilter { issuer, subject, ..LedgerFilter::default() };
                !store.ledger_page(&of, 1).await?.rows.is_empty()
            }
        })
    }
}

impl Epochs {
    /// The epochs to decide by. Of those that do not check nobody knows what they were.
    pub(crate) fn checked(stored: Checked<String>) -> Result<Self, StoreError> {
        match stored {
            Checked::Absent => Ok(Self::default()),
            Checked::Found(text) => Self::parse(Some(&text)),
            Checked::Refused => Ok(Self {
                all: Some(Epoch { change: i64::MAX, at: Timestamp(0) }),
                ..Self::default()
            }),
        }
    }

    /// The epochs to raise one among. Where they do not check, every session is over that
    /// is open now: the forged row may have hidden any of them.
    fn to_raise(
        stored: Checked<String>,
        change: ChangeNumber,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let is_forged = stored == Checked::Refused;
        let mut epochs = Self::checked(stored)?;
        if is_forged {
            epochs.all = Some(Epoch { change: change.0, at: now });
        }
        Ok(epochs)
    }

    /// The epochs as written.
    fn parse(text: Option<&str>) -> Result<Self, StoreError> {
        let parse = |text| {
            serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
                what: "the epochs",
                source: Arc::new(error),
            })
        };
        text.map_or(Ok(Self::default()), parse)
    }

    /// Whether a session opened under `change` is refused.
    pub(crate) fn refuse<'a>(
        &self,
        issuer: &IssuerId,
        subject: &str,
        policies: impl IntoIterator<Item = &'a PolicyName>,
        change: ChangeNumber,
    ) -> bool {
        let workload = || self.workloads.get(issuer).and_then(|subjects| subjects.get(subject));
        let covers = |epoch: &Epoch| epoch.covers(change);
        self.all.as_ref().is_some_and(covers)
            || self.issuers.get(issuer).is_some_and(covers)
            || workload().is_some_and(covers)
            || policies.into_iter().any(|name| self.policies.get(name).is_some_and(covers))
    }

    fn raise(
        &mut self,
        scope: EpochScope,
        change: ChangeNumber,
        now: Timestamp,
    ) -> Result<(), EpochError> {
        self.forget(now);
        let epoch = Epoch { change: change.0, at: now };
        match scope {
            EpochScope::All => self.all = Some(epoch),
            EpochScope::Issuer(issuer) => drop(self.issuers.insert(issuer, epoch)),
            EpochScope::Policy(policy) => drop(self.policies.insert(policy, epoch)),
            EpochScope::Workload { issuer, subject } => {
                if self.workloads.values().map(BTreeMap::len).sum::<usize>() >= MAX_WORKLOADS {
                    return Err(EpochError::Full);
                }
                self.workloads.entry(issuer).or_default().insert(subject, epoch);
            }
        }
        Ok(())
    }

    fn forget(&mut self, now: Timestamp) {
        let matters = |epoch: &Epoch| now.since(epoch.at) < MATTERS_FOR;
        self.all = self.all.filter(matters);
        self.issuers.retain(|_, epoch| matters(epoch));
        self.policies.retain(|_, epoch| matters(epoch));
        self.workloads.values_mut().for_each(|of| of.retain(|_, epoch| matters(epoch)));
        self.workloads.retain(|_, of| !of.is_empty());
    }

    fn to_text(&self) -> String {
        serde_json::to_string(self).expect("names and numbers are JSON")
    }
}

/// The sessions of a scope, as the store ends them.
fn of(scope: &EpochScope) -> SessionScope {
    let mut of = SessionScope::default();
    match scope {
        EpochScope::All => {}
        EpochScope::Issuer(issuer) => of.issuer = Some(issuer.clone()),
        EpochScope::Policy(policy) => of.policy = Some(policy.clone()),
        EpochScope::Workload { issuer, subject } => {
            of.issuer = Some(issuer.clone());
            of.subject = Some(subject.clone());
        }
    }
    of
}

fn check(scope: &EpochScope) -> Result<(), EpochError> {
    let fits = |subject: &str| {
        (1..=512).contains(&subject.len()) && !subject.chars().any(char::is_control)
    };
    match scope {
        EpochScope::Workload { subject, .. } if !fits(subject) => Err(EpochError::Subject),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_521_600);

    fn issuer() -> IssuerId {
        "github".parse().unwrap()
    }

    fn refused(epochs: &Epochs, subject: &str, policy: &str, change: i64) -> bool {
        let policy: PolicyName = policy.parse().unwrap();
        epochs.refuse(&issuer(), subject, [&policy], ChangeNumber(change))
    }

    #[test]
    fn an_epoch_refuses_what_was_opened_before_it_and_nothing_else() {
        let mut epochs = Epochs::default();
        assert!(!refused(&epochs, "s", "p", 0));
        epochs.raise(EpochScope::All, ChangeNumber(7), NOON).unwrap();
        assert!(refused(&epochs, "s", "p", 7));
        assert!(!refused(&epochs, "s", "p", 8));
    }

    #[test]
    fn each_scope_covers_its_own() {
        let mut epochs = Epochs::default();
        let workload = EpochScope::Workload { issuer: issuer(), subject: "mine".into() };
        epochs.raise(workload, ChangeNumber(3), NOON).unwrap();
        epochs.raise(EpochScope::Policy("deploy".parse().unwrap()), ChangeNumber(5), NOON).unwrap();
        assert!(refused(&epochs, "mine", "other", 3));
        assert!(!refused(&epochs, "mine", "other", 4));
        assert!(refused(&epochs, "yours", "deploy", 5));
        assert!(!refused(&epochs, "yours", "other", 1));
        epochs.raise(EpochScope::Issuer(issuer()), ChangeNumber(6), NOON).unwrap();
        assert!(refused(&epochs, "yours", "other", 6));
    }

    #[test]
    fn an_epoch_is_forgotten_when_no_session_of_before_can_live() {
        let mut epochs = Epochs::default();
        for subject in 0..MAX_WORKLOADS {
            let scope = EpochScope::Workload { issuer: issuer(), subject: subject.to_string() };
            epochs.raise(scope, ChangeNumber(1), NOON).unwrap();
        }
        let one_more = EpochScope::Workload { issuer: issuer(), subject: "more".into() };
        let full = epochs.raise(one_more.clone(), ChangeNumber(2), NOON.plus(MATTERS_FOR - 1));
        assert!(matches!(full, Err(EpochError::Full)));
        epochs.raise(one_more, ChangeNumber(2), NOON.plus(MATTERS_FOR)).unwrap();
        assert!(!refused(&epochs, "0", "p", 1));
    }

    #[test]
    fn epochs_read_back_from_their_text() {
        let mut epochs = Epochs::default();
        epochs.raise(EpochScope::Issuer(issuer()), ChangeNumber(6), NOON).unwrap();
        assert_eq!(Epochs::parse(Some(&epochs.to_text())).unwrap(), epochs);
        assert_eq!(Epochs::parse(None).unwrap(), Epochs::default());
        assert!(Epochs::parse(Some("{")).is_err());
    }
}
