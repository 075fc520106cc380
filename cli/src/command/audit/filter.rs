//! Which records: the flags that `ls` and `tail` share.

use segura_model::api::AuditQuery;
use segura_model::audit::{Event, Outcome};
use segura_model::{DenialId, IssuerId, OperatorName, SecretPath, SessionId, Timestamp};

use crate::moment;

/// Conditions; every one that is given must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Filter {
    /// What happened: delivery, exchange, read, refusal, summary, policy.apply, …
    #[arg(long)]
    event: Option<Event>,
    /// How it ended: granted, refused, released, changed or failed
    #[arg(long)]
    outcome: Option<Outcome>,
    /// The issuer entry that vouched for the workload
    #[arg(long)]
    issuer: Option<IssuerId>,
    /// The workload's `sub`
    #[arg(long, value_name = "SUB")]
    subject: Option<String>,
    /// The operator who did it
    #[arg(long, value_name = "NAME")]
    operator: Option<OperatorName>,
    /// The secret's path
    #[arg(long)]
    path: Option<SecretPath>,
    /// The session
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
    /// The refusal
    #[arg(long, value_name = "ID")]
    denial: Option<DenialId>,
    /// Not before: 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Before: 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    until: Option<Timestamp>,
}

impl Filter {
    /// The query that these conditions make.
    pub(crate) fn query(&self) -> AuditQuery {
        let Self { event, outcome, issuer, subject, operator, path, .. } = self.clone();
        let Self { session, denial, since, until, .. } = *self;
        AuditQuery {
            event,
            outcome,
            issuer,
            subject,
            operator,
            path,
            session,
            denial,
            since,
            until,
            ..AuditQuery::default()
        }
    }
}
