//! Refusals: what the ledger keeps of them, and what the caller learns.
//!
//! Two questions that one answer settles (design, decisions 5 and 10). Who matched some
//! policy's anchor is a rightful owner: the refusal is recorded whole and explained.
//! Anyone else, token verified or not, is counted, and told that access was refused and
//! under which id; the first of each owner and network are kept whole, so that an
//! operator can open those ids.

mod teaching;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use segura_model::api::{FailedCheck, SecretFault};
use segura_model::audit::{Actor, Event, Outcome, Record, ReleasedPath};
use segura_model::policy::{Scope, Trace, explain};
use segura_model::{
    Class, Classify, ClientNetwork, Clock, DenialId, IssuerId, OperatorId, Random, SecretPath,
    SessionId, Workload,
};
use segura_store::{ChangeNumber, Commit, Entry, StoreError, Tally, Writer};
use serde_json::json;

use super::Origin;
use super::access::Operator;
use super::quota::Quota;
use super::snapshot::Snapshot;
use super::ticket::SessionError;
use super::trust::seen::Seen;

/// Refusals kept whole in an hour: of one verified owner, and of all.
pub(crate) const OWNER_QUOTA: (u32, u32) = (10, 300);
/// The same of one network without a verified token, and of all.
pub(crate) const STRANGER_QUOTA: (u32, u32) = (5, 200);
/// The same of one operator whose role does not allow something, and of all.
const OPERATOR_QUOTA: (u32, u32) = (30, 300);
/// The most bytes of the policies in a trace. With the rest of a record, most of it up to
/// a hundred paths in three places, that stays well below what the ledger takes.
const TRACE_BYTES: usize = 64 * 1024;

/// A refusal, as far as the caller may know it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    class: Class,
    detail: String,
    /// Under which an operator may open it.
    pub denial: DenialId,
    /// The checks that failed, for the rightful owner.
    pub checks: Vec<FailedCheck>,
    /// The wanted secrets that could not be given, for the rightful owner.
    pub secrets: Vec<SecretFault>,
    /// The session that was refused, for the log.
    pub session: Option<SessionId>,
}

impl Classify for Refusal {
    fn class(&self) -> Class {
        self.class
    }
}

/// An error that may be a refusal.
pub trait Refusing: Classify {
    /// The refusal that the caller was given, if it was refused.
    fn refusal(&self) -> Option<&Refusal>;
}

impl Refusing for Refusal {
    fn refusal(&self) -> Option<&Refusal> {
        Some(self)
    }
}

/// A verified workload that is refused, and from what it was decided.
pub(crate) struct Case<'a> {
    pub(crate) origin: Origin,
    pub(crate) workload: &'a Workload,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) wanted: &'a [SecretPath],
    pub(crate) session: Option<SessionId>,
    /// Whether some policy's anchor matches, or it was granted something.
    pub(crate) standing: CaseStanding,
}

/// What a verified workload is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseStanding {
    /// A rightful owner, who is told why.
    Known,
    /// A stranger, who is told nothing.
    Stranger,
}

/// What came of a refusal.
pub(crate) enum Turned {
    /// The caller is refused, and it is written down.
    Away(Refusal),
    /// It was decided from an older number: nothing is written, decide anew.
    Overtaken(ChangeNumber),
}

/// Somebody of whom nothing is proved.
pub(crate) struct Stranger {
    pub(crate) origin: Origin,
    /// The issuer entry that the token claims.
    pub(crate) issuer: Option<IssuerId>,
    pub(crate) class: Class,
    /// Why, for operators.
    pub(crate) why: String,
}

/// Why it is refused.
pub(crate) struct Verdict {
    pub(crate) class: Class,
    pub(crate) detail: String,
    pub(crate) secrets: Vec<SecretFault>,
    /// The session that the token was spent for before, for operators.
    pub(crate) spent_for: Option<SessionId>,
    pub(crate) blame: Blame,
}

impl Verdict {
    /// A session is over: the token is ours, so its holder is told.
    pub(crate) fn over(error: &SessionError) -> Self {
        let (class, detail) = (error.class(), error.to_string());
        Self { class, detail, secrets: Vec::new(), spent_for: None, blame: Blame::Request }
    }
}

/// What a refusal is due to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// No policy gives it: the checks that failed are of use to the caller.
    Policies,
    /// The token, the session or the secret: whatever policies did not match have
    /// nothing to do with it.
    Request,
}

/// Writes refusals down and words them.
pub struct Refusals {
    writer: Writer,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    owners: Quota<(IssuerId, String, String)>,
    strangers: Quota<(Option<IssuerId>, ClientNetwork)>,
    operators: Quota<OperatorId>,
    /// How many were written down or counted, by reason code. Codes are a closed set.
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Refusals {
    pub(crate) fn new(writer: Writer, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let owners = Quota::new(OWNER_QUOTA.0, OWNER_QUOTA.1);
        let strangers = Quota::new(STRANGER_QUOTA.0, STRANGER_QUOTA.1);
        let operators = Quota::new(OPERATOR_QUOTA.0, OPERATOR_QUOTA.1);
        Self { writer, clock, random, owners, strangers, operators, counts: Mutex::default() }
    }

    /// How many there were since the start, by reason code.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(code, count)| (*code, *count)).collect()
    }

    fn count(&self, class: Class) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(class.code).or_insert(0) += 1;
    }

    /// Refuse a stranger, whatever the number is.
    pub(crate) async fn stranger(&self, stranger: Stranger) -> Result<Refusal, StoreError> {
        let class = stranger.class;
        let (refusal, entry) = self.estrange(stranger);
        self.writer.submit(entry).await?;
        self.count(class);
        Ok(refusal)
    }

    /// Refuse a stranger whom another number may know.
    pub(crate) async fn stranger_at(
        &self,
        number: ChangeNumber,
        stranger: Stranger,
    ) -> Result<Turned, StoreError> {
        let class = stranger.class;
        let (refusal, entry) = self.estrange(stranger);
        self.write(number, entry, class, refusal).await
    }

    fn estrange(&self, stranger: Stranger) -> (Refusal, Entry) {
        let Stranger { origin, issuer, class, why } = stranger;
        let denial = self.make_id();
        let owner = (issuer.clone(), ClientNetwork::of(origin.client));
        let entry = if self.strangers.take(&[owner], self.clock.now()) {
            let actor = Actor::Stranger { issuer };
            let mut record = self.record(actor, origin, denial, class);
            record.detail = json!({ "why": why });
            Entry { records: vec![record], ..Entry::default() }
        } else {
            tally(origin, issuer, class)
        };
        (told_nothing(denial), entry)
    }

    /// Refuse an operator whom its role does not allow something. Who is known is told; a
    /// credential that is tried all day fills no disk either.
    pub(crate) async fn operator(
        &self,
        origin: Origin,
        by: &Operator,
        class: Class,
        tried: &str,
    ) -> Result<Refusal, StoreError> {
        let denial = self.make_id();
        let entry = if self.operators.take(&[by.id], self.clock.now()) {
            let mut record = self.record(by.into(), origin, denial, class);
            record.detail = json!({ "tried": tried });
            Entry { records: vec![record], ..Entry::default() }
        } else {
            tally(origin, None, class)
        };
        self.writer.submit(entry).await?;
        self.count(class);
        let detail = format!("this operator may not {tried}");
        let (checks, secrets, session) = (Vec::new(), Vec::new(), None);
        Ok(Refusal { class, detail, denial, checks, secrets, session })
    }

    /// Refuse a verified workload.
    pub(crate) async fn workload(
        &self,
        case: &Case<'_>,
        verdict: Verdict,
        seen: &Seen,
    ) -> Result<Turned, StoreError> {
        // The index finds what pins the caller's ids; what says `explain: anyone` need not.
        match (teaches_anyone(case), case.standing) {
            (true, _) => self.owner(case, verdict, Scope::All, seen).await,
            (false, CaseStanding::Known) => {
                self.owner(case, verdict, Scope::Candidates, seen).await
            }
            (false, CaseStanding::Stranger) => self.verified_stranger(case, &verdict, seen).await,
        }
    }

    async fn owner(
        &self,
        case: &Case<'_>,
        verdict: Verdict,
        scope: Scope,
        seen: &Seen,
    ) -> Result<Turned, StoreError> {
        let denial = self.make_id();
        seen.note(case.snapshot.policies.pending(case.workload));
        let trace = self.explain(case, scope);
        let mut record = self.record_case(case, denial, verdict.class);
        record.detail = json!({ "trace": trace, "secrets": verdict.secrets });
        if let Some(session) = verdict.spent_for {
            record.detail["spent_for"] = json!(session);
        }
        match verdict.blame {
            Blame::Policies => record.detail["failed"] = json!(trace.failed()),
            Blame::Request => record.detail["why"] = json!(verdict.detail),
        }
        let Verdict { class, mut detail, secrets, .. } = verdict;
        let mut checks = Vec::new();
        if verdict.blame == Blame::Policies {
            checks = FailedCheck::for_caller(&trace);
            teaching::extend(&mut detail, &trace, !checks.is_empty());
        }
        let refusal = Refusal { class, detail, denial, checks, secrets, session: case.session };
        let entry = Entry { records: vec![record], ..Entry::default() };
        self.write(case.snapshot.change, entry, class, refusal).await
    }

    async fn verified_stranger(
        &self,
        case: &Case<'_>,
        verdict: &Verdict,
        seen: &Seen,
    ) -> Result<Turned, StoreError> {
        let denial = self.make_id();
        let Workload { issuer, anchors, .. } = case.workload;
        let owners: Vec<_> =
            anchors.iter().map(|(name, id)| (issuer.clone(), name.clone(), id.clone())).collect();
        let entry = if self.owners.take(&owners, self.clock.now()) {
            // Asking every policy of the issuer is dear, so it is done within the quota.
            seen.note(case.snapshot.policies.pending(case.workload));
            let mut record = self.record_case(case, denial, verdict.class);
            let trace = self.explain(case, Scope::All);
            record.detail = json!({ "failed": trace.failed(), "trace": trace });
            Entry { records: vec![record], ..Entry::default() }
        } else {
            tally(case.origin, Some(issuer.clone()), verdict.class)
        };
        let refusal = Refusal { session: case.session, ..told_nothing(denial) };
        self.write(case.snapshot.change, entry, verdict.class, refusal).await
    }

    async fn write(
        &self,
        decided_at: ChangeNumber,
        entry: Entry,
        class: Class,
        refusal: Refusal,
    ) -> Result<Turned, StoreError> {
        let entry = Entry { decided_at: Some(decided_at), ..entry };
        match self.writer.submit(entry).await? {
            Commit::Stale { now } => Ok(Turned::Overtaken(now)),
            Commit::Done { .. } | Commit::SessionEnded | Commit::Spent(_) => {
                self.count(class);
                Ok(Turned::Away(refusal))
            }
        }
    }

    fn explain(&self, case: &Case<'_>, scope: Scope) -> Trace {
        let Case { snapshot, workload, wanted, .. } = case;
        explain(&snapshot.policies, workload, wanted, self.clock.now(), scope).within(TRACE_BYTES)
    }

    fn record_case(&self, case: &Case<'_>, denial: DenialId, class: Class) -> Record {
        let mut record = self.record(Actor::from(case.workload), case.origin, denial, class);
        record.session = case.session;
        record.paths = case.wanted.iter().map(not_looked_up).collect();
        record
    }

    fn record(&self, actor: Actor, origin: Origin, denial: DenialId, class: Class) -> Record {
        let mut record = Record::new(Event::Refusal, Outcome::Refused, self.clock.now(), actor);
        record.client = Some(origin.client);
        record.request = Some(origin.request);
        record.denial = Some(denial);
        record.code = Some(class.code.to_owned());
        record
    }

    fn make_id(&self) -> DenialId {
        DenialId::make_at(self.clock.millis(), &*self.random)
    }
}

/// Whether some policy of the issuer explains itself to every tenant, of whom there is
/// one: no policy of a shared issuer can say so.
fn teaches_anyone(case: &Case<'_>) -> bool {
    let issuer = &case.workload.issuer;
    case.snapshot.issuers.by_id(issuer).is_some_and(|entry| !entry.shared)
        && case.snapshot.policies.teaches_anyone(issuer)
}

fn tally(origin: Origin, issuer: Option<IssuerId>, class: Class) -> Entry {
    let tally = Tally { issuer, code: class.code.to_owned(), client: origin.client };
    Entry { tallies: vec![tally], ..Entry::default() }
}

/// The one answer to everybody who is not known: same status, same words.
fn told_nothing(denial: DenialId) -> Refusal {
    Refusal {
        class: Class::forbidden("access-refused"),
        // The same whether the ledger keeps this one whole or counts it: the difference
        // would tell who else was refused, so neither is promised.
        detail: format!(
            "access was refused; an operator sees why: segura policy explain --denial {denial} (if \
             this refusal is one of the first of the hour, which are kept whole), or with this \
             token: segura policy explain --job-token FILE; `segura whoami` in the job shows what \
             the broker makes of it"
        ),
        denial,
        checks: Vec::new(),
        secrets: Vec::new(),
        session: None,
    }
}

fn not_looked_up(path: &SecretPath) -> ReleasedPath {
    ReleasedPath { path: path.clone(), version: None, fields: Vec::new() }
}
