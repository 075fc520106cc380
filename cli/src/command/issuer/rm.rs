//! `segura issuer rm`: stop trusting an issuer.

use segura_model::IssuerId;

use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Remove an issuer entry: its tokens are refused from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura issuer rm old-gitlab")]
pub(crate) struct Args {
    /// The entry's id
    issuer: IssuerId,
}

/// Run `segura issuer rm`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let answer = context.block_on(operator.issuer_remove(&args.issuer))?;
    print::result(context.format(), &answer, |answer| format!("removed {}", answer.removed))
}
