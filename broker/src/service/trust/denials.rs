//! A refusal by its id: what the caller was not told.
//!
//! What policies had to do with it is in the record's trace. What they had nothing to do
//! with, a secret that was not there or a token that was spent, is said in reasons, and
//! for those the ledger is asked what it knows beside: who removed the secret, which call
//! spent the token. That is of other records, so it is for those who may read them all.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use segura_model::DenialId;
use segura_model::api::{DenialReason, SecretFault, SecretFaultKind};
use segura_model::audit::{Actor, Event, Outcome, Record};
use segura_model::policy::Trace;
use segura_model::{SessionId, Timestamp};
use segura_store::ledger::{LedgerFilter, LedgerOrder};

use super::{TrustError, TrustService};
use crate::service::access::{Operator, Permission};

/// The records of one session that are looked through for the one that opened it.
const LOOKED_AT: usize = 8;

/// A refusal, whole.
#[derive(Clone, Debug)]
pub struct Denial {
    /// What the ledger has.
    pub record: Record,
    /// Why, where it was not the policies.
    pub reasons: Vec<DenialReason>,
    /// Every policy and every check, if it came that far.
    pub trace: Option<Trace>,
}

/// How much of the ledger whoever asks may see.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Ledger,
    ThisRecord,
}

impl TrustService {
    /// Open a refusal, as far as this operator may see: who may not read the ledger is told
    /// of this one record of it, and nothing of others.
    pub async fn denial(&self, id: DenialId, by: &Operator) -> Result<Denial, TrustError> {
        let filter = LedgerFilter { denial: Some(id), ..LedgerFilter::default() };
        let record = self.first_record(&filter).await?;
        let mut record = record.ok_or(TrustError::DenialNotFound(id))?;
        let trace = record.detail.get("trace").cloned();
        let trace = trace.and_then(|trace| serde_json::from_value(trace).ok());
        let sight = if by.may(Permission::AuditRead) { Sight::Ledger } else { Sight::ThisRecord };
        let reasons = self.reasons(&record, sight).await?;
        if sight == Sight::ThisRecord
            && let Some(detail) = record.detail.as_object_mut()
        {
            detail.remove(SPENT_FOR);
        }
        Ok(Denial { record, reasons, trace })
    }

    async fn reasons(
        &self,
        record: &Record,
        sight: Sight,
    ) -> Result<Vec<DenialReason>, TrustError> {
        match record.code.as_deref() {
            Some("secret-missing") => self.missing(record, sight).await,
            Some("token-replayed") => Ok(vec![match sight {
                Sight::Ledger => self.spent(record).await?,
                Sight::ThisRecord => reason(SPENT_SOMEWHERE, Some(FRESH_TOKEN.to_owned())),
            }]),
            _ => {
                Ok(record.detail["why"].as_str().map(|why| reason(why, None)).into_iter().collect())
            }
        }
    }

    /// Which secrets were missing, and whether somebody had taken them away.
    async fn missing(
        &self,
        record: &Record,
        sight: Sight,
    ) -> Result<Vec<DenialReason>, TrustError> {
        let faults = record.detail.get("secrets").cloned().unwrap_or_default();
        let faults: Vec<SecretFault> = serde_json::from_value(faults).unwrap_or_default();
        let mut reasons = Vec::with_capacity(faults.len());
        for fault in faults {
            let mut what = fault.detail.clone();
            if sight == Sight::Ledger
                && fault.why == SecretFaultKind::Missing
                && let Some(removal) = self.removal(&fault, record.at).await?
            {
                let by = named(&removal.actor);
                let _ = write!(what, ": it was removed at {}{by}", removal.at);
            }
            reasons.push(reason(&what, fix_of(&fault)));
        }
        Ok(reasons)
    }

    async fn removal(
        &self,
        fault: &SecretFault,
        before: Timestamp,
    ) -> Result<Option<Record>, TrustError> {
        let filter = LedgerFilter {
            event: Some(Event::SecretRemove),
            outcome: Some(Outcome::Changed),
            path: Some(fault.path.clone()),
            until: Some(before.plus(1)),
            ..LedgerFilter::default()
        };
        self.first_record(&filter).await
    }

    /// Which call spent the token before.
    async fn spent(&self, record: &Record) -> Result<DenialReason, TrustError> {
        let session = record.detail.get(SPENT_FOR).cloned().unwrap_or_default();
        let Ok(session) = serde_json::from_value::<SessionId>(session) else {
            let what =
                "this identity token was spent before; the record does not say by which call";
            return Ok(reason(what, Some(FRESH_TOKEN.to_owned())));
        };
        let filter = LedgerFilter {
            session: Some(session),
            order: LedgerOrder::OldestFirst,
            ..LedgerFilter::default()
        };
        let page = self.core.store().ledger_page(&filter, LOOKED_AT).await?;
        let opens = |record: &Record| matches!(record.event, Event::Delivery | Event::Exchange);
        let opened = page.rows.into_iter().filter_map(|row| row.record).find(opens);
        Ok(spent_by(session, opened.as_ref(), record))
    }

    async fn first_record(&self, filter: &LedgerFilter) -> Result<Option<Record>, TrustError> {
        let page = self.core.store().ledger_page(filter, 1).await?;
        Ok(page.rows.into_iter().find_map(|row| row.record))
    }
}

/// The same token is the same run, so what tells two calls apart is the time and the
/// address.
fn spent_by(session: SessionId, opened: Option<&Record>, refused: &Record) -> DenialReason {
    let Some(opened) = opened else {
        let what = format!(
            "this identity token was spent before, for session {session}, of which the ledger has \
             no record any more"
        );
        return reason(&what, Some(FRESH_TOKEN.to_owned()));
    };
    let mut what = format!("this identity token was spent before, at {}", opened.at);
    if let Some(client) = opened.client {
        let _ = write!(what, " from {client}");
    }
    if let Actor::Workload { subject, run, .. } = &opened.actor {
        let _ = write!(what, ", by {subject}");
        let run: Vec<String> = run.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !run.is_empty() {
            let _ = write!(what, " ({})", run.join(", "));
        }
    }
    let _ = write!(what, ": session {session}");
    let paths: Vec<&str> = opened.paths.iter().map(|one| one.path.as_str()).collect();
    if !paths.is_empty() {
        let _ = write!(what, ", which was given {}", paths.join(", "));
    }
    let fix = if opened.client == refused.client {
        FRESH_TOKEN.to_owned()
    } else {
        format!(
            "it came from two addresses: if no machine of that job explains the first, take the \
             token for stolen, run `segura session end {session}` and rotate what was given; else \
             {FRESH_TOKEN}"
        )
    };
    reason(&what, Some(fix))
}

fn fix_of(fault: &SecretFault) -> Option<String> {
    let path = &fault.path;
    Some(match fault.why {
        SecretFaultKind::Expired => format!(
            "write a version that is good for longer: `segura secret put {path} --expires-at WHEN`"
        ),
        SecretFaultKind::Missing => format!(
            "write it with `segura secret put {path}`, or correct the path in the job: `segura \
             secret ls` lists those that there are"
        ),
        SecretFaultKind::MissingField => format!(
            "correct the name after `#` in the job, or write a version of `{path}` that has this \
             field"
        ),
        SecretFaultKind::MissingVersion => format!(
            "correct the number after `@` in the job, or leave it out for the newest: `segura \
             secret history {path}` lists them"
        ),
        SecretFaultKind::NotGranted | SecretFaultKind::Other | SecretFaultKind::Unreadable => {
            return None;
        }
    })
}

fn named(actor: &Actor) -> String {
    match actor {
        Actor::Operator { name, .. } => format!(" by operator {name}"),
        _ => String::new(),
    }
}

fn reason(what: &str, fix: Option<String>) -> DenialReason {
    DenialReason { what: what.to_owned(), fix }
}

/// Where a record says whose the token was: a session, which is not for everyone.
const SPENT_FOR: &str = "spent_for";

const SPENT_SOMEWHERE: &str = "this identity token was spent before; by which call, an administrator \
     or an auditor is told";

const FRESH_TOKEN: &str = "fetch all secrets of a job with one `segura exec`, or keep its session \
     between calls with `--session-file`; a job that starts anew needs a fresh token of its platform";
