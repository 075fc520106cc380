//! `segura secret rm`: remove a secret.

use segura_model::SecretPath;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::terminal::Confirm;

/// Remove a secret and all its versions. There is no way back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura secret rm db/old/password
  segura secret rm db/old/password --yes")]
pub(crate) struct Args {
    /// Where the secret lives
    path: SecretPath,
    #[command(flatten)]
    confirm: Confirm,
}

/// Run `segura secret rm`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    args.confirm
        .ask(&format!("Remove {} and all its versions? There is no way back.", args.path))?;
    let answer = context.block_on(operator.secret_remove(&args.path))?;
    print::result(context.format(), &answer, |answer| format!("removed {}", answer.path))
}
