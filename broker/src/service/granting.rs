//! From an identity token to a session and secrets: the one way in.
//!
//! A delivery and an exchange are both this. The order is what holds it together:
//! verify, decide, open the envelopes, make the session's token, and only then commit;
//! so whatever fails before the commit spends nothing, and whatever is answered is
//! durable. What the writer calls stale is decided anew from the first step, the token
//! included. Values are wiped when they are dropped, on every way out.

mod earlier;

use aws_lc_rs::digest::{Context, SHA256};
use segura_model::api::{SecretFault, SecretFaultKind};
use segura_model::audit::{self, Actor, Event, Record};
use segura_model::policy::{Decision, NotGranted, Outcome, evaluate};
use segura_model::wanted::WantedSecret;
use segura_model::{Class, Classify, SecretPath, SecretText, SessionId, Spend, Timestamp};
use segura_store::{
    ChangeNumber, Commit, Entry, Receipt, SessionStep, Spend as SpendStep, StoreError,
};
use segura_vault::{SecretsError, SessionTokenError};
use serde_json::json;

use self::earlier::Earlier;
use super::admission::{AdmissionError, admit};
use super::opening::{self, NotOpened, OpenedSecret};
use super::refusals::{Blame, Case, CaseStanding, Refusal, Refusing, Turned, Verdict};
use super::snapshot::Snapshot;
use super::ticket::Session;
use super::{Core, Origin};
use crate::oidc::Verified;
use crate::telemetry::TRACES;

/// How often a request is decided before it gives way to a storm of changes.
const TRIES: usize = 5;

/// What is asked for.
pub(crate) struct Ask<'a> {
    pub(crate) event: Event,
    pub(crate) token: &'a SecretText,
    pub(crate) wanted: &'a [WantedSecret],
    /// A digest of the caller's request key, and one of what it asks for.
    pub(crate) request_key: [u8; 32],
    pub(crate) request_digest: [u8; 32],
    pub(crate) origin: Origin,
}

/// What is given, durably written down.
pub(crate) struct Grant {
    pub(crate) session: Session,
    pub(crate) token: SecretText,
    pub(crate) secrets: Vec<OpenedSecret>,
    pub(crate) receipt: Receipt,
    pub(crate) repeated: Repeated,
}

/// Whether an answer was given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// For the first time.
    No,
    /// Again: the caller asked with the same request key.
    Yes,
}

/// Why nothing was given.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The identity token was not let in.
    #[error(transparent)]
    Admission(AdmissionError),
    /// It was decided from an older number, again and again.
    #[error("the decision was overtaken by changes {TRIES} times")]
    Overtaken(ChangeNumber),
    /// The workload was refused.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// A secret could not be read or opened.
    #[error("a wanted secret could not be opened")]
    Secrets(#[from] SecretsError),
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session's token cannot be made.
    #[error(transparent)]
    Token(#[from] SessionTokenError),
}

impl Classify for GrantError {
    fn class(&self) -> Class {
        match self {
            Self::Admission(error) => error.class(),
            Self::Overtaken(_) => Class::unavailable("changes-too-fast"),
            Self::Refused(refusal) => refusal.class(),
            Self::Secrets(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Token(error) => error.class(),
        }
    }
}

impl From<AdmissionError> for GrantError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Overtaken(now) => Self::Overtaken(now),
            other => Self::Admission(other),
        }
    }
}

impl Refusing for GrantError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Admission(error) => error.refusal(),
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Give what is asked for, or nothing.
pub(crate) async fn grant(core: &Core, ask: &Ask<'_>) -> Result<Grant, GrantError> {
    let paths: Vec<SecretPath> = ask.wanted.iter().map(|wanted| wanted.path.clone()).collect();
    let mut snapshot = core.snapshots.current().await?;
    let mut earlier = None;
    for _ in 0..TRIES {
        match attempt(core, ask, &paths, &snapshot, earlier.as_ref()).await {
            Ok(Step::Done(grant)) => return Ok(*grant),
            Ok(Step::Repeat(found)) => earlier = Some(found),
            Err(GrantError::Overtaken(now)) => snapshot = core.snapshots.at_least(now).await?,
            Err(error) => return Err(error),
        }
    }
    Err(GrantError::Overtaken(snapshot.change))
}

async fn attempt(
    core: &Core,
    ask: &Ask<'_>,
    paths: &[SecretPath],
    snapshot: &Snapshot,
    earlier: Option<&Earlier>,
) -> Result<Step, GrantError> {
    let verified = admit(core, snapshot, ask.token, ask.origin).await?;
    Attempt { core, ask, paths, snapshot, verified }.run(earlier).await
}

/// What came of one attempt.
enum Step {
    Done(Box<Grant>),
    Repeat(Earlier),
}

/// One decision, from one snapshot.
struct Attempt<'a> {
    core: &'a Core,
    ask: &'a Ask<'a>,
    paths: &'a [SecretPath],
    snapshot: &'a Snapshot,
    verified: Verified,
}

impl Attempt<'_> {
    async fn run(&self, earlier: Option<&Earlier>) -> Result<Step, GrantError> {
        let now = self.core.clock.now();
        let decision = tracing::info_span!(target: TRACES, "decide").in_scope(|| {
            evaluate(&self.snapshot.policies, &self.verified.workload, self.paths, now)
        });
        let secrets = self.open(&decision, earlier, now).await?;
        let session = match earlier {
            Some(earlier) => earlier.session(self.verified.workload.clone()),
            None => self.new_session(&decision, now),
        };
        let repeated = if earlier.is_some() { Repeated::Yes } else { Repeated::No };
        if repeated == Repeated::Yes && session.check_epochs(self.snapshot, None).is_err() {
            return Err(self.refuse(&decision, replayed(session.id)).await);
        }
        let token = session.token(self.core)?;
        match self.core.writer.submit(self.entry(&session, &secrets, repeated)).await? {
            Commit::Done { receipts, .. } => {
                // What one policy grants may be what another waits to be pinned for.
                self.core.seen.note(self.snapshot.policies.pending(&self.verified.workload));
                let receipt = *receipts.first().expect("the entry has one record");
                Ok(Step::Done(Box::new(Grant { session, token, secrets, receipt, repeated })))
            }
            Commit::Stale { now } => Err(GrantError::Overtaken(now)),
            Commit::Spent(spent) if spent.same_request && !spent.session_ended => {
                Earlier::parse(&spent).map(Step::Repeat)
            }
            Commit::SessionEnded => Err(self.refuse(&decision, replayed(session.id)).await),
            Commit::Spent(spent) => Err(self.refuse(&decision, replayed(spent.session)).await),
        }
    }

    /// Open everything that is wanted, or refuse and say what of it is not given.
    async fn open(
        &self,
        decision: &Decision,
        earlier: Option<&Earlier>,
        now: Timestamp,
    ) -> Result<Vec<OpenedSecret>, GrantError> {
        let (mut opened, mut faults) = (Vec::with_capacity(self.ask.wanted.len()), Vec::new());
        for (at, (wanted, outcome)) in self.ask.wanted.iter().zip(&decision.outcomes).enumerate() {
            if matches!(outcome, Outcome::Refused(_)) {
                faults.push(opening::fault(wanted, SecretFaultKind::NotGranted));
                continue;
            }
            let pinned = earlier.and_then(|earlier| earlier.versions.get(at)).copied();
            let pinned = WantedSecret { version: pinned.or(wanted.version), ..wanted.clone() };
            match opening::open(self.core, &pinned, now).await {
                Ok(secret) => opened.push(OpenedSecret { wanted: wanted.clone(), ..secret }),
                Err(NotOpened::Fault(why)) => faults.push(opening::fault(&pinned, why)),
                Err(NotOpened::Failed(error)) => return Err(self.failed(wanted, error).await),
            }
        }
        if faults.is_empty() && decision.is_granted() {
            return Ok(opened);
        }
        // The values that did open are wiped here: all or nothing.
        drop(opened);
        Err(self.refuse(decision, not_given(decision, faults)).await)
    }

    fn new_session(&self, decision: &Decision, now: Timestamp) -> Session {
        let seconds = decision.session_seconds.unwrap_or_default();
        Session {
            id: SessionId::make_at(self.core.clock.millis(), &*self.core.random),
            opened_at: now,
            expires_at: now.plus(seconds),
            change: self.snapshot.change,
            policies: decision.policy_names(),
            workload: self.verified.workload.clone(),
        }
    }

    fn entry(&self, session: &Session, secrets: &[OpenedSecret], repeated: Repeated) -> Entry {
        let Verified { entry, replay_key, keep_until, token_digest, .. } = &self.verified;
        let step = match repeated {
            Repeated::No => SessionStep::Open(session.row()),
            Repeated::Yes => SessionStep::Check(session.id),
        };
        let spends = repeated == Repeated::No && entry.spend == Spend::Once;
        let spend = spends.then(|| SpendStep {
            issuer: entry.id.clone(),
            token_key: *replay_key,
            request_key: self.ask.request_key,
            request_digest: asked_with(&self.ask.request_digest, token_digest),
            keep_until: *keep_until,
            answer: Earlier::of(session, secrets).to_text(),
        });
        Entry {
            decided_at: Some(self.snapshot.change),
            session: step,
            spend,
            records: vec![self.record(session, secrets, repeated)],
            tallies: Vec::new(),
        }
    }

    fn record(&self, session: &Session, secrets: &[OpenedSecret], repeated: Repeated) -> Record {
        let outcome =
            if secrets.is_empty() { audit::Outcome::Granted } else { audit::Outcome::Released };
        let actor = Actor::from(&*self.verified.workload);
        let mut record = self.core.record(self.ask.event, outcome, actor, self.ask.origin);
        record.session = Some(session.id);
        record.paths = secrets.iter().map(OpenedSecret::released).collect();
        record.detail = match repeated {
            Repeated::No => json!({ "policies": session.policies }),
            Repeated::Yes => json!({ "policies": session.policies, "repeated": true }),
        };
        record
    }

    /// Write down that a secret does not open. The token is not spent.
    async fn failed(&self, wanted: &WantedSecret, error: SecretsError) -> GrantError {
        let actor = Actor::from(&*self.verified.workload);
        let mut record =
            self.core.record(self.ask.event, audit::Outcome::Failed, actor, self.ask.origin);
        record.code = Some(error.class().code.to_owned());
        let WantedSecret { path, version, field } = wanted.clone();
        let fields = field.into_iter().collect();
        record.paths = vec![audit::ReleasedPath { path, version, fields }];
        let entry = Entry { records: vec![record], ..Entry::default() };
        match self.core.writer.submit(entry).await {
            Ok(_) => GrantError::Secrets(error),
            Err(store) => GrantError::Store(store),
        }
    }

    async fn refuse(&self, decision: &Decision, verdict: Verdict) -> GrantError {
        let case = Case {
            origin: self.ask.origin,
            workload: &self.verified.workload,
            snapshot: self.snapshot,
            wanted: self.paths,
            session: None,
            standing: standing(decision),
        };
        match self.core.refusals.workload(&case, verdict, &self.core.seen).await {
            Ok(Turned::Away(refusal)) => GrantError::Refused(Box::new(refusal)),
            Ok(Turned::Overtaken(now)) => GrantError::Overtaken(now),
            Err(error) => GrantError::Store(error),
        }
    }
}

/// What the decision makes of the workload: who matches a policy, or carries the ids that
/// one pins, is known.
pub(crate) fn standing(decision: &Decision) -> CaseStanding {
    let matched = decision
        .outcomes
        .iter()
        .any(|outcome| !matches!(outcome, Outcome::Refused(NotGranted::Unmatched)));
    if decision.anchored || matched || !decision.policies_used.is_empty() {
        CaseStanding::Known
    } else {
        CaseStanding::Stranger
    }
}

/// Why not everything that was wanted is given.
pub(crate) fn not_given(decision: &Decision, secrets: Vec<SecretFault>) -> Verdict {
    let unmatched = decision
        .outcomes
        .iter()
        .all(|outcome| matches!(outcome, Outcome::Refused(NotGranted::Unmatched)));
    if unmatched {
        // What is told beside it depends on what the caller may learn (`refusals.rs`).
        return Verdict {
            class: Class::forbidden("policy-mismatch"),
            detail: "no trust policy matches this job".to_owned(),
            secrets,
            spent_for: None,
            blame: Blame::Policies,
        };
    }
    let listed: Vec<&str> = secrets.iter().map(|secret| secret.detail.as_str()).collect();
    let refused = secrets.iter().any(|secret| secret.why == SecretFaultKind::NotGranted);
    let (class, blame) = if refused {
        (Class::forbidden("secret-not-granted"), Blame::Policies)
    } else {
        (Class::not_found("secret-missing"), Blame::Request)
    };
    let detail = format!("nothing was given: {}", listed.join("; "));
    Verdict { class, detail, secrets, spent_for: None, blame }
}

fn replayed(spent_for: SessionId) -> Verdict {
    let detail = "this identity token was used before: fetch all secrets of a job with one \
                  `segura exec`, or keep its session with `--session-file`; a job that runs anew \
                  needs a fresh token of its platform; a lost answer can be had again with the same \
                  request key while its session lives";
    Verdict {
        class: Class::conflict("token-replayed"),
        detail: detail.to_owned(),
        secrets: Vec::new(),
        spent_for: Some(spent_for),
        blame: Blame::Request,
    }
}
/// A digest of what is asked for and of the token it is asked with: a second token with the
/// `jti` of a spent one gets none of its answers.
fn asked_with(request: &[u8; 32], token: &[u8; 32]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(request);
    hash.update(token);
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}
