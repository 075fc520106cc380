//! `segura issuer rm`: stop trusting an issuer.

use segura_model::IssuerId;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::terminal::Confirm;

/// Remove an issuer entry: its tokens are refused from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura issuer rm old-gitlab
  segura issuer rm old-gitlab --yes")]
pub(crate) struct Args {
    /// The entry's id
    issuer: IssuerId,
    #[command(flatten)]
    confirm: Confirm,
}

/// Run `segura issuer rm`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    args.confirm.ask(&format!(
        "Remove the issuer entry {}? Its tokens are refused from then on.",
        args.issuer
    ))?;
    let answer = context.block_on(operator.issuer_remove(&args.issuer))?;
    print::result(context.format(), &answer, |answer| format!("removed {}", answer.removed))
}
