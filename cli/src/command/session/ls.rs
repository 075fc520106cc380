//! `segura session ls`: who is here.

use segura_model::IssuerId;
use segura_model::api::{SessionList, SessionListQuery};
use segura_sdk::{Operator, SdkError};

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List the sessions that have not ended, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura session ls
  segura session ls --issuer github --subject repo:acme/payments:ref:refs/heads/main")]
pub(crate) struct Args {
    /// Only sessions of this issuer entry
    #[arg(long)]
    issuer: Option<IssuerId>,
    /// Only sessions of this `sub`
    #[arg(long, value_name = "SUB")]
    subject: Option<String>,
    /// At most this many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Run `segura session ls`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let all = context.block_on(pages(&operator, args))?;
    print::result(context.format(), &all, table)
}

async fn pages(operator: &Operator, args: &Args) -> Result<SessionList, SdkError> {
    let mut query = SessionListQuery {
        issuer: args.issuer.clone(),
        subject: args.subject.clone(),
        ..SessionListQuery::default()
    };
    let mut all = SessionList { sessions: Vec::new(), next: None };
    loop {
        let page = operator.session_list(&query).await?;
        all.sessions.extend(page.sessions);
        if page.next.is_none() || all.sessions.len() >= args.limit {
            all.sessions.truncate(args.limit);
            return Ok(all);
        }
        query.after = page.next;
    }
}

fn table(all: &SessionList) -> String {
    let mut table = Table::new(
        &["session", "issuer", "subject", "policies", "started", "expires"],
        "no sessions",
    );
    for session in &all.sessions {
        let policies: Vec<_> = session.policies.iter().map(ToString::to_string).collect();
        table.row([
            session.id.to_string(),
            session.issuer.to_string(),
            session.subject.clone(),
            policies.join(","),
            session.started_at.to_string(),
            session.expires_at.to_string(),
        ]);
    }
    table.render()
}
