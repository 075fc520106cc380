//! `segura keyring roll`: a new generation of keys.

use super::show::words;
use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Give the keyring a new root key and a new wrapping key.
///
/// What is sealed from now on is sealed under them; what was sealed before still opens.
/// It takes some seconds, because every node must be able to open first. If the answer is
/// lost, see with `segura keyring show` what was done. It limits how much hangs on one key;
/// it does not mend a keyring that leaked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura keyring roll
  segura keyring roll --json")]
pub(crate) struct Args {}

/// Run `segura keyring roll`.
pub(crate) fn run(_: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let answer = context.block_on(async {
        let before = operator.keyring().await?;
        operator.keyring_roll(before.generation).await
    })?;
    print::result(context.format(), &answer, |answer| format!("rolled\n{}", words(answer)))
}
