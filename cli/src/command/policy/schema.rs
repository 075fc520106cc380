//! `segura policy schema`: for editors. Needs no broker.

use segura_model::policy;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// Print the JSON schema of a policy file.
///
/// Point an editor at it with a first line such as
/// `# yaml-language-server: $schema=policy.schema.json`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy schema > policy.schema.json")]
pub(crate) struct Args {}

/// Run `segura policy schema`.
pub(crate) fn run(_args: &Args, _context: &Context) -> Result<(), CliError> {
    print::result(Format::Json, &policy::schema(), |_| String::new())
}
