//! `segura session revoke`: call off all sessions of a kind, by raising its epoch.

use segura_model::api::{EpochAnswer, EpochRequest, EpochScope};
use segura_model::{IssuerId, PolicyName};

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::terminal::Confirm;

/// Call off every session of an issuer, a policy or a workload that is open now.
///
/// Their next read is refused on every node. Nobody is locked out: a job that asks
/// anew gets a new session, if a policy still grants it one. To stop that as well,
/// change or remove the policy or the issuer first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura session revoke --issuer github
  segura session revoke --policy payments-deploy
  segura session revoke --issuer github --subject repo:acme/payments:ref:refs/heads/main
  segura session revoke --all --json")]
pub(crate) struct Args {
    #[command(flatten)]
    whose: Whose,
    /// Of the issuer's sessions only those of this `sub`: one workload
    #[arg(long, value_name = "SUB", requires = "issuer")]
    subject: Option<String>,
    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Every session there is
    #[arg(long)]
    all: bool,
    /// The sessions that this issuer entry vouched for
    #[arg(long)]
    issuer: Option<IssuerId>,
    /// The sessions that this policy helped to open
    #[arg(long)]
    policy: Option<PolicyName>,
}

/// Run `segura session revoke`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let request = EpochRequest { scope: args.scope() };
    args.confirm.ask(&format!("Call off every open session {}?", whose(&request.scope)))?;
    let answer = context.block_on(operator.epoch_raise(&request))?;
    print::result(context.format(), &answer, words)
}

impl Args {
    fn scope(&self) -> EpochScope {
        let Whose { issuer, policy, .. } = &self.whose;
        match (issuer.clone(), policy.clone(), self.subject.clone()) {
            (Some(issuer), _, Some(subject)) => EpochScope::Workload { issuer, subject },
            (Some(issuer), ..) => EpochScope::Issuer(issuer),
            (_, Some(policy), _) => EpochScope::Policy(policy),
            _ => EpochScope::All,
        }
    }
}

fn whose(scope: &EpochScope) -> String {
    match scope {
        EpochScope::All => "of everybody".to_owned(),
        EpochScope::Issuer(issuer) => format!("of the issuer entry {issuer}"),
        EpochScope::Policy(policy) => format!("of the policy {policy}"),
        EpochScope::Workload { issuer, subject } => format!("of {subject} at {issuer}"),
    }
}

fn words(answer: &EpochAnswer) -> String {
    let whose = whose(&answer.scope);
    match answer.sessions {
        0 => format!("called off the sessions {whose}; none was open"),
        1 => format!("called off the sessions {whose}: 1 was open, its next read is refused"),
        n => format!("called off the sessions {whose}: {n} were open, their next read is refused"),
    }
}
