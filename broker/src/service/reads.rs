//! Reads of an open session: today's policies decide, at every one.
//!
//! Outside the grant a path is refused without being looked up, so that nothing about it
//! can be told, not even by the time it takes. A policy's session length bounds what is
//! read by that policy, whichever policies the session was opened by.

use std::sync::Arc;

use segura_model::api::SecretFaultKind;
use segura_model::audit::{self, Actor, Event, ReleasedPath};
use segura_model::policy::{Decision, Outcome, TrustPolicy, evaluate};
use segura_model::wanted::WantedSecret;
use segura_model::{Class, Classify, SecretText, SessionId};
use segura_store::{ChangeNumber, Commit, Entry, Receipt, SessionStep, StoreError};
use segura_vault::SecretsError;

use super::granting::{not_given, standing};
use super::opening::{self, NotOpened, OpenedSecret};
use super::refusals::{Blame, Case, CaseStanding, Refusal, Refusing, Stranger, Turned, Verdict};
use super::snapshot::Snapshot;
use super::ticket::{Session, SessionError};
use super::{Core, Origin};
use crate::telemetry::TRACES;

/// How often a read is decided before it gives way to a storm of changes.
const TRIES: usize = 5;

/// A secret that was read, durably written down.
#[derive(Debug)]
pub struct ReadSecret {
    /// The secret.
    pub secret: OpenedSecret,
    /// Proof that the read is in the ledger.
    pub receipt: Receipt,
    /// The session that read it.
    pub session: SessionId,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was decided from an older number, again and again.
    #[error("the decision was overtaken by changes {TRIES} times")]
    Overtaken(ChangeNumber),
    /// The session was refused the secret.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The secret could not be opened.
    #[error("the secret could not be opened")]
    Secrets(#[from] SecretsError),
    /// The token opens no session.
    #[error("{error}")]
    Session {
        /// Why.
        error: SessionError,
        /// Under which the ledger has it.
        refusal: Box<Refusal>,
    },
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for ReadError {
    fn class(&self) -> Class {
        match self {
            Self::Overtaken(_) => Class::unavailable("changes-too-fast"),
            Self::Refused(refusal) => refusal.class(),
            Self::Secrets(error) => error.class(),
            Self::Session { error, .. } => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl Refusing for ReadError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Session { refusal, .. } => Some(refusal),
            Self::Overtaken(_) | Self::Secrets(_) | Self::Store(_) => None,
        }
    }
}

/// Reads secrets for sessions.
#[derive(Clone)]
pub struct ReadService {
    core: Arc<Core>,
}

impl ReadService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Read one secret by a session's token.
    pub async fn read(
        &self,
        token: &SecretText,
        wanted: WantedSecret,
        origin: Origin,
    ) -> Result<ReadSecret, ReadError> {
        let core = &*self.core;
        let mut snapshot = core.snapshots.current().await?;
        for _ in 0..TRIES {
            let session = open_session(core, &snapshot, token, origin).await?;
            let attempt = Attempt { core, snapshot: &snapshot, session, wanted: &wanted, origin };
            match attempt.run().await {
                Err(ReadError::Overtaken(now)) => snapshot = core.snapshots.at_least(now).await?,
                decided => return decided,
            }
        }
        Err(ReadError::Overtaken(snapshot.change))
    }
}

/// Open a session's token, or refuse and write it down.
pub(crate) async fn open_session(
    core: &Core,
    snapshot: &Snapshot,
    token: &SecretText,
    origin: Origin,
) -> Result<Arc<Session>, ReadError> {
    match Session::open(core, snapshot, token) {
        Ok(session) => Ok(session),
        Err(error) => Err(refuse_token(core, error, origin).await),
    }
}

/// Refuse a token that opens no session: nothing is proved of who holds it.
pub(crate) async fn refuse_token(core: &Core, error: SessionError, origin: Origin) -> ReadError {
    let (class, why) = (error.class(), error.to_string());
    match core.refusals.stranger(Stranger { origin, issuer: None, class, why }).await {
        Ok(refusal) => ReadError::Session { error, refusal: Box::new(refusal) },
        Err(store) => ReadError::Store(store),
    }
}

/// One decision, from one snapshot.
struct Attempt<'a> {
    core: &'a Core,
    snapshot: &'a Snapshot,
    session: Arc<Session>,
    wanted: &'a WantedSecret,
    origin: Origin,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<ReadSecret, ReadError> {
        let now = self.core.clock.now();
        let path = std::slice::from_ref(&self.wanted.path);
        let decision = tracing::info_span!(target: TRACES, "decide")
            .in_scope(|| evaluate(&self.snapshot.policies, &self.session.workload, path, now));
        let Some(Outcome::Granted(policy)) = decision.outcomes.first() else {
            let fault = opening::fault(self.wanted, SecretFaultKind::NotGranted);
            let verdict = not_given(&decision, vec![fault]);
            return Err(self.refuse(standing(&decision), verdict).await);
        };
        self.check_session(policy).await?;
        let secret = match opening::open(self.core, self.wanted, now).await {
            Ok(secret) => secret,
            Err(NotOpened::Fault(why)) => return Err(self.missing(&decision, why).await),
            Err(NotOpened::Failed(error)) => return Err(self.failed(error).await),
        };
        let entry = self.entry(&secret, policy);
        match self.core.writer.submit(entry).await? {
            Commit::Done { receipts, .. } => {
                let receipt = *receipts.first().expect("the entry has one record");
                Ok(ReadSecret { secret, receipt, session: self.session.id })
            }
            Commit::Stale { now } => Err(ReadError::Overtaken(now)),
            Commit::SessionEnded | Commit::Spent(_) => Err(self.over(SessionError::Ended).await),
        }
    }

    async fn check_session(&self, policy: &TrustPolicy) -> Result<(), ReadError> {
        if let Err(error) = self.session.check_epochs(self.snapshot, Some(policy.name())) {
            return Err(self.over(error).await);
        }
        let age = self.core.clock.now().since(self.session.opened_at);
        if age < policy.session_seconds() {
            return Ok(());
        }
        let verdict = Verdict {
            class: Class::forbidden("session-too-old"),
            detail: format!(
                "the session is {age} s old, and policy `{}`, which grants this, allows {} s: \
                 open a new one",
                policy.name(),
                policy.session_seconds()
            ),
            secrets: Vec::new(),
            spent_for: None,
            blame: Blame::Request,
        };
        Err(self.refuse(CaseStanding::Known, verdict).await)
    }

    fn entry(&self, secret: &OpenedSecret, policy: &TrustPolicy) -> Entry {
        let actor = Actor::from(&*self.session.workload);
        let mut record =
            self.core.record(Event::Read, audit::Outcome::Released, actor, self.origin);
        record.session = Some(self.session.id);
        record.paths = vec![secret.released()];
        record.detail = serde_json::json!({ "policies": [policy.name()] });
        Entry {
            decided_at: Some(self.snapshot.change),
            session: SessionStep::Check(self.session.id),
            records: vec![record],
            ..Entry::default()
        }
    }

    /// Inside the grant, what is missing is said.
    async fn missing(&self, decision: &Decision, why: SecretFaultKind) -> ReadError {
        let fault = opening::fault(self.wanted, why);
        let verdict = Verdict {
            class: Class::not_found("secret-missing"),
            detail: fault.detail.clone(),
            secrets: vec![fault],
            spent_for: None,
            blame: Blame::Request,
        };
        self.refuse(standing(decision), verdict).await
    }

    /// A session that is over: the token is ours, so its holder is told.
    async fn over(&self, error: SessionError) -> ReadError {
        self.refuse(CaseStanding::Known, Verdict::over(&error)).await
    }

    async fn refuse(&self, standing: CaseStanding, verdict: Verdict) -> ReadError {
        let case = Case {
            origin: self.origin,
            workload: &self.session.workload,
            snapshot: self.snapshot,
            wanted: std::slice::from_ref(&self.wanted.path),
            session: Some(self.session.id),
            standing,
        };
        match self.core.refusals.workload(&case, verdict, &self.core.seen).await {
            Ok(Turned::Away(refusal)) => ReadError::Refused(Box::new(refusal)),
            Ok(Turned::Overtaken(now)) => ReadError::Overtaken(now),
            Err(error) => ReadError::Store(error),
        }
    }

    /// Write down that the secret does not open.
    async fn failed(&self, error: SecretsError) -> ReadError {
        let actor = Actor::from(&*self.session.workload);
        let mut record = self.core.record(Event::Read, audit::Outcome::Failed, actor, self.origin);
        record.session = Some(self.session.id);
        record.code = Some(error.class().code.to_owned());
        let WantedSecret { path, version, .. } = self.wanted.clone();
        record.paths = vec![ReleasedPath { path, version, fields: Vec::new() }];
        let entry = Entry { records: vec![record], ..Entry::default() };
        match self.core.writer.submit(entry).await {
            Ok(_) => ReadError::Secrets(error),
            Err(store) => ReadError::Store(store),
        }
    }
}

#[cfg(test)]
mod tests;
