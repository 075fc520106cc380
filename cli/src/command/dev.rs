//! Placeholder for the first landing; its owner replaces it.

use crate::context::Context;
use crate::error::CliError;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segura dev")]
pub(crate) struct Args {}

/// Run the command.
pub(crate) fn run(_args: Args, _context: &Context) -> Result<(), CliError> {
    todo!()
}
