//! A session's life: that it lives, that it ends, and who else may end it.
//!
//! A heartbeat extends nothing: it says whether the session lives and until when, by
//! today's policies. Ending is the holder's right whatever has changed since, and ending
//! twice is no error. The standard's revocation (RFC 7009) and introspection (RFC 7662)
//! are the same two things in other words.

use std::sync::Arc;

use segura_model::audit::{Actor, Event, Outcome};
use segura_model::policy::evaluate;
use segura_model::{Class, Classify, IssuerId, SecretText, SessionId, Timestamp};
use segura_store::{Entry, SessionFilter, SessionStep, StoreError, StoredSession};
use segura_vault::OPERATOR_TOKEN_PREFIX;

use super::access::Operator;
use super::granting::{not_given, standing};
use super::reads::{ReadError, open_session, refuse_token};
use super::refusals::{Case, CaseStanding, Refusal, Refusing, Turned, Verdict};
use super::snapshot::Snapshot;
use super::ticket::{self, Session, SessionError};
use super::{Core, Origin};

/// A session that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// It.
    pub id: SessionId,
    /// When it ends by itself, by today's policies.
    pub expires_at: Timestamp,
}

/// Which sessions to list: open ones only.
#[derive(Clone, Debug, Default)]
pub struct ListSessions {
    /// Of this issuer entry.
    pub issuer: Option<IssuerId>,
    /// Of this `sub`.
    pub subject: Option<String>,
    /// After this one.
    pub after: Option<SessionId>,
    /// How many at most.
    pub limit: usize,
}

/// A page of sessions.
#[derive(Clone, Debug)]
pub struct SessionPage {
    /// They.
    pub sessions: Vec<StoredSession>,
    /// Where the next page begins.
    pub next: Option<SessionId>,
}

/// Why a session's life was not changed or told.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// There is no such session.
    #[error("there is no session `{0}`")]
    NotFound(SessionId),
    /// An operator's token is not revoked this way.
    #[error(
        "this is an operator's token: an administrator ends it with `segura operator rotate` or `rm`"
    )]
    OperatorToken,
    /// The session was refused.
    #[error(transparent)]
    Refused(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for SessionsError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::not_found("session-not-found"),
            Self::OperatorToken => Class::bad_request("unsupported-token-type"),
            Self::Refused(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl Refusing for SessionsError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(error) => error.refusal(),
            _ => None,
        }
    }
}

/// The lives of sessions.
#[derive(Clone)]
pub struct SessionService {
    core: Arc<Core>,
}

impl SessionService {
    /// The service over this core.
    pub const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Whether the session lives, and until when.
    pub async fn heartbeat(
        &self,
        token: &SecretText,
        origin: Origin,
    ) -> Result<Alive, SessionsError> {
        let snapshot = self.core.snapshots.current().await?;
        let session = open_session(&self.core, &snapshot, token, origin).await?;
        let (standing, verdict) = match self.life(&snapshot, &session).await? {
            Ok(alive) => return Ok(alive),
            Err(over) => over,
        };
        let case = Case {
            origin,
            workload: &session.workload,
            snapshot: &snapshot,
            wanted: &[],
            session: Some(session.id),
            standing,
        };
        Err(match self.core.refusals.workload(&case, verdict, &self.core.seen).await? {
            Turned::Away(refusal) => ReadError::Refused(Box::new(refusal)).into(),
            Turned::Overtaken(now) => ReadError::Overtaken(now).into(),
        })
    }

    /// End the session that this token is of. Ending it again is no error.
    pub async fn end(
        &self,
        token: &SecretText,
        origin: Origin,
    ) -> Result<SessionId, SessionsError> {
        let snapshot = self.core.snapshots.current().await?;
        let (id, actor) = match ticket::holder(&self.core, &snapshot, token) {
            Ok(holder) => holder,
            Err(error) => return Err(refuse_token(&self.core, error, origin).await.into()),
        };
        self.commit_end(id, actor, origin).await?;
        Ok(id)
    }

    /// RFC 7009: as [`end`](Self::end), and a token that is none of ours is no error.
    pub async fn revoke(&self, token: &SecretText, origin: Origin) -> Result<(), SessionsError> {
        // EXPOSE: only the prefix is looked at.
        if token.expose().starts_with(OPERATOR_TOKEN_PREFIX) {
            return Err(SessionsError::OperatorToken);
        }
        match self.end(token, origin).await {
            Ok(_) | Err(SessionsError::Refused(ReadError::Session { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// RFC 7662: the session of this token, if it lives.
    pub async fn introspect(&self, token: &SecretText) -> Result<Option<Introspected>, StoreError> {
        let snapshot = self.core.snapshots.current().await?;
        let Ok(session) = Session::open(&self.core, &snapshot, token) else { return Ok(None) };
        Ok(self.life(&snapshot, &session).await?.ok().map(|alive| Introspected {
            id: session.id,
            issuer: session.workload.issuer.clone(),
            subject: session.workload.subject.clone(),
            opened_at: session.opened_at,
            expires_at: alive.expires_at,
        }))
    }

    /// Open sessions.
    pub async fn list(&self, list: ListSessions) -> Result<SessionPage, StoreError> {
        let mut filter = SessionFilter {
            open_at: Some(self.core.clock.now()),
            issuer: list.issuer,
            after: list.after,
        };
        let mut sessions = Vec::new();
        // A subject is not indexed: look through a bounded number of pages for it.
        for _ in 0..MAX_PAGES {
            let page = self.core.store().session_list(&filter, PAGE).await?;
            let is_last = page.len() < PAGE;
            for stored in page {
                filter.after = Some(stored.session.id);
                if list.subject.as_ref().is_none_or(|subject| *subject == stored.session.subject) {
                    sessions.push(stored);
                }
                if sessions.len() == list.limit {
                    return Ok(SessionPage { sessions, next: filter.after });
                }
            }
            if is_last {
                return Ok(SessionPage { sessions, next: None });
            }
        }
        Ok(SessionPage { sessions, next: filter.after })
    }

    /// End somebody's session, as an operator.
    pub async fn end_by_operator(
        &self,
        id: SessionId,
        by: &Operator,
        origin: Origin,
    ) -> Result<(), SessionsError> {
        if self.core.store().session_find(id).await?.is_none() {
            return Err(SessionsError::NotFound(id));
        }
        let entry = self.ending(id, Actor::from(by), origin);
        // One that was ended before was recorded then.
        self.core.submit_by(by, origin, entry).await?;
        Ok(())
    }

    async fn commit_end(
        &self,
        id: SessionId,
        actor: Actor,
        origin: Origin,
    ) -> Result<(), SessionsError> {
        // One that was ended before was recorded then.
        self.core.writer.submit(self.ending(id, actor, origin)).await?;
        Ok(())
    }

    fn ending(&self, id: SessionId, actor: Actor, origin: Origin) -> Entry {
        let mut record = self.core.record(Event::SessionEnd, Outcome::Changed, actor, origin);
        record.session = Some(id);
        Entry { session: SessionStep::End(id), records: vec![record], ..Entry::default() }
    }

    /// The life of an open token's session, or why it is over.
    async fn life(
        &self,
        snapshot: &Snapshot,
        session: &Session,
    ) -> Result<Result<Alive, (CaseStanding, Verdict)>, StoreError> {
        let now = self.core.clock.now();
        let over = |error: SessionError| Ok(Err((CaseStanding::Known, Verdict::over(&error))));
        if let Err(error) = session.check_epochs(snapshot, None) {
            return over(error);
        }
        let stored = self.core.store().session_find(session.id).await?;
        if !stored.is_some_and(|stored| stored.is_open(now)) {
            return over(SessionError::Ended);
        }
        let decision = evaluate(&snapshot.policies, &session.workload, &[], now);
        // The longest: each read is bounded by the policy that grants it.
        let lengths = decision.policies_used.iter().map(|policy| policy.session_seconds());
        let Some(seconds) = lengths.max() else {
            return Ok(Err((standing(&decision), not_given(&decision, Vec::new()))));
        };
        let expires_at = session.expires_at.min(session.opened_at.plus(seconds));
        if expires_at <= now {
            return over(SessionError::Ended);
        }
        Ok(Ok(Alive { id: session.id, expires_at }))
    }
}

/// What an operator may learn of a session token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspected {
    /// The session.
    pub id: SessionId,
    /// The issuer entry that vouches for its workload.
    pub issuer: IssuerId,
    /// `sub`.
    pub subject: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

const PAGE: usize = 500;
const MAX_PAGES: usize = 20;
