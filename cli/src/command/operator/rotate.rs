//! `segura operator rotate`: a new credential for an old operator.

use std::path::PathBuf;

use segura_model::api::OperatorRotate;
use segura_model::{OperatorName, Seconds};

use super::credential::Destination;
use crate::context::Context;
use crate::error::CliError;

/// Replace an operator's credential by a new one; the old one is refused from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator rotate terraform --credential-file terraform.token")]
pub(crate) struct Args {
    /// The operator's name
    name: OperatorName,
    /// How long the credential is valid: 90d, 12h; else the server's usual time. Your own, if you
    /// are no administrator, no longer than the one it replaces
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
    /// Write the credential into this new file, mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Run `segura operator rotate`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let destination = Destination::new(args.credential_file.as_deref())?;
    let request = OperatorRotate { ttl: args.expires };
    let credential = context.block_on(operator.operator_rotate(&args.name, &request))?;
    destination.deliver(&credential, context)
}
