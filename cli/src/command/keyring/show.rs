//! `segura keyring show`: which keys there are.

use segura_model::api::KeyringAnswer;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// Show which generations of keys there are, and how often each has sealed.
///
/// No key is shown. A wrapping key that has sealed as often as it may gives way to a new
/// one by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura keyring show
  segura keyring show --json")]
pub(crate) struct Args {}

/// Run `segura keyring show`.
pub(crate) fn run(_: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let answer = context.block_on(operator.keyring())?;
    print::result(context.format(), &answer, words)
}

/// The root key, then the keys under it.
pub(super) fn words(answer: &KeyringAnswer) -> String {
    let KeyringAnswer { generation, made_at, guard, wrapping_keys, seal_bound } = answer;
    let mut table = Table::new(
        &["wrapping key", "made", "seals"],
        "no wrapping key: no secret was written yet",
    );
    for key in wrapping_keys {
        let seals = format!("{} of {seal_bound}", key.seals);
        table.row([key.id.clone(), key.made_at.to_string(), seals]);
    }
    format!(
        "root key: generation {generation}, made {made_at}, guarded by {guard}\n\n{}",
        table.render()
    )
}
