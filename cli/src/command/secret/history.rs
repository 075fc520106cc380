//! `segura secret history`: the versions of a secret.

use segura_model::SecretPath;
use segura_model::api::HistoryAnswer;

use super::overdue;
use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Table};

/// List the versions of a secret, newest first, without values.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura secret history db/prod/password")]
pub(crate) struct Args {
    /// Where the secret lives
    path: SecretPath,
}

/// Run `segura secret history`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let history = context.block_on(operator.secret_history(&args.path))?;
    overdue::warn(&args.path, history.meta.max_age, history.overdue);
    print::result(context.format(), &history, table)
}

fn table(history: &HistoryAnswer) -> String {
    let mut table = Table::new(&["version", "written", "by"], "no versions");
    for version in &history.versions {
        table.row([
            version.version.to_string(),
            version.created_at.to_string(),
            version.created_by.clone(),
        ]);
    }
    table.render()
}
