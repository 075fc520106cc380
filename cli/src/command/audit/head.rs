//! `segura audit head`: the ends of the chains.

use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Print the end of each chain, one a line, to be kept outside.
///
/// A ledger that was cut short later cannot have these ends: `segura audit verify --head`
/// compares.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura audit head > head.txt")]
pub(crate) struct Args {}

/// Run `segura audit head`.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let answer = context.block_on(operator.audit_head())?;
    print::result(context.format(), &answer, |answer| answer.heads.join("\n"))
}
