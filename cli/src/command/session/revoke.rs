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
    /// Of that --issuer's sessions only those of this `sub`: one workload
    // The parser drops a `requires` whose argument is in conflict with one that is there; only
    // its own conflicts keep `--all --subject SUB` from meaning everybody.
    #[arg(
        long, value_name = "SUB", requires = "issuer", conflicts_with_all = ["all", "policy"]
    )]
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
    match (answer.sessions, unknown(answer)) {
        (0, Some(unknown)) => format!("no session was open {whose}: {unknown}"),
        (0, None) => format!("called off the sessions {whose}; none was open"),
        (1, _) => format!("called off the sessions {whose}: 1 was open, its next read is refused"),
        (n, _) => {
            format!("called off the sessions {whose}: {n} were open, their next read is refused")
        }
    }
}

/// What a typing error looks like; of what was removed, too, nothing is known.
fn unknown(answer: &EpochAnswer) -> Option<&'static str> {
    match answer.scope {
        _ if answer.known => None,
        EpochScope::All => None,
        EpochScope::Issuer(_) => Some("there is no such issuer entry now (`segura issuer ls`)"),
        EpochScope::Policy(_) => Some("there is no such policy now (`segura policy ls`)"),
        EpochScope::Workload { .. } => {
            Some("the ledger knows no such workload (`segura session ls`, `segura audit ls`)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_does_not_sound_like_success() {
        let told = |scope, sessions, known| words(&EpochAnswer { scope, sessions, known });
        let policy = || EpochScope::Policy("nope".parse().unwrap());
        assert!(told(policy(), 0, false).contains("there is no such policy now"));
        assert!(told(policy(), 0, true).starts_with("called off"));
        assert!(told(policy(), 2, false).contains("2 were open"), "it was removed a moment ago");
        let subject = "typo".to_owned();
        let typo = EpochScope::Workload { issuer: "github".parse().unwrap(), subject };
        assert!(told(typo, 0, false).contains("knows no such workload"));
        assert!(told(EpochScope::All, 0, true).ends_with("none was open"));
    }
}
