//! `segura operator rm`: one less who administers.

use segura_model::OperatorName;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::terminal::Confirm;

/// Remove an operator: the credential is refused from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator rm terraform
  segura operator rm terraform --yes")]
pub(crate) struct Args {
    /// The operator's name
    name: OperatorName,
    #[command(flatten)]
    confirm: Confirm,
}

/// Run `segura operator rm`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    args.confirm.ask(&format!(
        "Remove the operator {}? The credential is refused from then on.",
        args.name
    ))?;
    let answer = context.block_on(operator.operator_remove(&args.name))?;
    print::result(context.format(), &answer, |answer| format!("removed {}", answer.removed))
}
