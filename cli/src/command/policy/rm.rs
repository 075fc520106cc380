//! `segura policy rm`: take a policy away.

use segura_model::PolicyName;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::terminal::Confirm;

/// Remove a policy: what it granted is refused from now on, to open sessions too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy rm payments-deploy
  segura policy rm payments-deploy --yes")]
pub(crate) struct Args {
    /// The policy's name
    policy: PolicyName,
    #[command(flatten)]
    confirm: Confirm,
}

/// Run `segura policy rm`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    args.confirm.ask(&format!(
        "Remove the policy {}? What it grants is refused from then on.",
        args.policy
    ))?;
    let answer = context.block_on(operator.policy_remove(&args.policy))?;
    print::result(context.format(), &answer, |answer| format!("removed {}", answer.removed))
}
