//! `segura operator add`: somebody new who administers.

use std::path::PathBuf;

use segura_model::api::OperatorAdd;
use segura_model::{OperatorName, Role, Seconds};

use super::credential::Destination;
use crate::context::Context;
use crate::error::CliError;

/// Add an operator and show the credential once.
///
/// Roles: admin, everything; author, writes policies and secrets and reads no value, but
/// decides by a policy which job reads what; auditor, reads the ledger, policies and names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator add terraform --role author --expires 90d --credential-file terraform.token")]
pub(crate) struct Args {
    /// The operator's name
    name: OperatorName,
    /// What the operator may do: admin, author or auditor
    #[arg(long)]
    role: Role,
    /// How long the credential is valid: 90d, 12h; else the server's usual time
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
    /// Write the credential into this new file, mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Run `segura operator add`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let destination = Destination::new(args.credential_file.as_deref())?;
    let new = OperatorAdd { name: args.name, role: args.role, ttl: args.expires };
    let credential = context.block_on(operator.operator_add(&new))?;
    destination.deliver(&credential, context)
}
