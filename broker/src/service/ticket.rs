//! What a session token holds, and what is asked of it at every use.
//!
//! The claims of the identity token travel in it, never a grant: at each use the
//! workload is read from them again under today's issuer entry, and today's policies
//! decide. The change number that the session was opened under makes epochs exact.

use std::collections::BTreeMap;
use std::sync::Arc;

use segura_model::audit::Actor;
use segura_model::{
    Audience, Claims, Class, Classify, IssuerId, PolicyName, SecretText, SessionId, Timestamp,
    Workload,
};
use segura_store::{ChangeNumber, NewSession};
use segura_vault::{SessionClaims, SessionTokenError};
use serde::{Deserialize, Serialize};

use super::Core;
use super::opened::OpenedSessions;
use super::snapshot::Snapshot;

/// A session, as its token and its row say it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) change: ChangeNumber,
    pub(crate) policies: Vec<PolicyName>,
    pub(crate) workload: Arc<Workload>,
}

/// The part of the token that only this room reads.
#[derive(Serialize, Deserialize)]
struct Ticket<C> {
    issuer: IssuerId,
    audience: Audience,
    change: i64,
    opened_at: Timestamp,
    claims: C,
}

/// What a session's row keeps of its workload.
#[derive(Serialize)]
struct Ids<'a> {
    anchors: &'a BTreeMap<String, String>,
    run: &'a BTreeMap<String, String>,
}

/// Why a session token opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The session was ended, or is not known.
    #[error("the session is over: open a new one")]
    Ended,
    /// An epoch was raised since it was opened.
    #[error("the sessions of before were called off by an operator: open a new one")]
    Epoch,
    /// Its issuer entry is gone, or takes such tokens no more.
    #[error("the issuer that vouched for this session is not trusted any more")]
    Issuer,
    /// The token itself.
    #[error(transparent)]
    Token(#[from] SessionTokenError),
}

impl Classify for SessionError {
    fn class(&self) -> Class {
        match self {
            Self::Ended => Class::unauthenticated("session-ended"),
            Self::Epoch => Class::unauthenticated("session-epoch"),
            Self::Issuer => Class::unauthenticated("session-issuer"),
            Self::Token(error) => error.class(),
        }
    }
}

impl Session {
    /// Its token.
    pub(crate) fn token(&self, core: &Core) -> Result<SecretText, SessionTokenError> {
        let ticket = Ticket {
            issuer: self.workload.issuer.clone(),
            audience: self.workload.audience.clone(),
            change: self.change.0,
            opened_at: self.opened_at,
            claims: &self.workload.claims,
        };
        let claims = SessionClaims {
            session: self.id,
            expires_at: self.expires_at,
            policies: self.policies.clone(),
            workload_json: serde_json::to_vec(&ticket).expect("names and claims are JSON"),
        };
        core.tokens.seal(&claims, &*core.random)
    }

    /// Its row. Anchors and run are enough there; the claims are in the token.
    pub(crate) fn row(&self) -> NewSession {
        let Workload { issuer, subject, anchors, run, .. } = &*self.workload;
        NewSession {
            id: self.id,
            issuer: issuer.clone(),
            subject: subject.clone(),
            workload_json: serde_json::to_string(&Ids { anchors, run }).expect("texts are JSON"),
            policies: self.policies.clone(),
            opened_at: self.opened_at,
            expires_at: self.expires_at,
        }
    }

    /// Open a token under today's issuers. Whether the session was ended is the store's
    /// to say, and whether an epoch covers it [`check_epochs`](Self::check_epochs)'s.
    pub(crate) fn open(
        core: &Core,
        snapshot: &Snapshot,
        token: &SecretText,
    ) -> Result<Arc<Self>, SessionError> {
        let key = OpenedSessions::key(token, snapshot.change);
        let ticket = match core.opened.find(&key) {
            Ok(session) => return session.still_lasts(core.clock.now()),
            Err(ticket) => ticket,
        };
        let session = Arc::new(Self::unseal(core, snapshot, token)?);
        // EXPOSE: only its length is asked.
        core.opened.keep(ticket, key, Arc::clone(&session), token.expose().len());
        Ok(session)
    }

    /// The expiry, which is asked of a token when it is unsealed.
    fn still_lasts(self: Arc<Self>, now: Timestamp) -> Result<Arc<Self>, SessionError> {
        if now >= self.expires_at {
            return Err(SessionTokenError::Expired(self.expires_at).into());
        }
        Ok(self)
    }

    fn unseal(core: &Core, snapshot: &Snapshot, token: &SecretText) -> Result<Self, SessionError> {
        // EXPOSE: the sealed text is opened.
        let opened = core.tokens.open(token.expose(), core.clock.now())?;
        let ticket = Ticket::read(&opened)?;
        let (change, opened_at) = (ticket.change, ticket.opened_at);
        let workload = ticket.workload(snapshot).ok_or(SessionError::Issuer)?;
        Ok(Self {
            id: opened.session,
            opened_at,
            expires_at: opened.expires_at,
            change: ChangeNumber(change),
            policies: opened.policies,
            workload: Arc::new(workload),
        })
    }

    /// Refuse it if an epoch was raised since it was opened, also one of a policy that
    /// it leans on only now.
    pub(crate) fn check_epochs(
        &self,
        snapshot: &Snapshot,
        leans_on: Option<&PolicyName>,
    ) -> Result<(), SessionError> {
        let Workload { issuer, subject, .. } = &*self.workload;
        let policies = self.policies.iter().chain(leans_on);
        if snapshot.epochs.refuse(issuer, subject, policies, self.change) {
            return Err(SessionError::Epoch);
        }
        Ok(())
    }
}

impl Ticket<Claims> {
    fn read(opened: &SessionClaims) -> Result<Self, SessionTokenError> {
        serde_json::from_slice(&opened.workload_json).map_err(|_| SessionTokenError::Unopenable)
    }

    fn workload(self, snapshot: &Snapshot) -> Option<Workload> {
        let entry = snapshot.issuers.by_id(&self.issuer)?;
        let preset = segura_plugins::preset(&entry.preset)?;
        Workload::from_claims(entry, preset, self.audience, self.claims).ok()
    }
}

/// Whose session a token is of, even if its issuer is trusted no more: who holds a
/// session may end it.
pub(crate) fn holder(
    core: &Core,
    snapshot: &Snapshot,
    token: &SecretText,
) -> Result<(SessionId, Actor), SessionError> {
    // EXPOSE: the sealed text is opened.
    let opened = core.tokens.open(token.expose(), core.clock.now())?;
    let ticket = Ticket::read(&opened)?;
    let bare = Actor::Workload {
        issuer: ticket.issuer.clone(),
        subject: ticket.claims.subject().unwrap_or_default().to_owned(),
        anchors: BTreeMap::new(),
        run: BTreeMap::new(),
    };
    let actor = ticket.workload(snapshot).map_or(bare, |workload| Actor::from(&workload));
    Ok((opened.session, actor))
}
