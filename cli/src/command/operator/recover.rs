//! `segura operator recover`: when no credential is left.

use std::path::PathBuf;
use std::sync::Arc;

use segura_broker::local::{LocalError, Opened, Sources};
use segura_broker::service::operators::{self, Namesake};
use segura_model::api::OperatorCredential;
use segura_model::{OperatorName, SystemClock};
use segura_vault::SystemRandom;

use super::credential::Destination;
use crate::context::Context;
use crate::error::CliError;
use crate::settings::ConfigFile;

/// Make an admin's credential on the server itself, when none is left.
///
/// Needs the server's settings and the guard of its keyring. An operator of this name that
/// is there already is left alone, unless --replace is given: then the old credential ends,
/// and the role is admin from then on. The ledger records it. With the embedded database,
/// stop the server first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura operator recover ana --config /etc/segura/segura.toml
  segura operator recover admin --replace --credential-file admin.token")]
pub(crate) struct Args {
    /// The operator's name
    name: OperatorName,
    /// Take the place of the operator of this name: its credential ends
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    file: ConfigFile,
    /// Write the credential into this new file, mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Run `segura operator recover`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let config = args.file.load(context)?;
    let destination = Destination::new(args.credential_file.as_deref())?;
    let namesake = if args.replace { Namesake::Replace } else { Namesake::Refuse };
    let sources = Sources { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) };
    let credential = context.block_on_server(async {
        let opened = Opened::open(&config, &sources).await?;
        let (clock, random) = (&*sources.clock, &*sources.random);
        let (writer, keyring) = (&opened.writer, &*opened.keyring);
        let recovered =
            operators::recover(writer, keyring, args.name, namesake, clock, random).await;
        opened.close().await;
        recovered.map_err(LocalError::from)
    })?;
    let operator = credential.operator;
    let credential = OperatorCredential {
        id: operator.id,
        name: operator.name,
        role: operator.role,
        token: credential.token,
        expires_at: operator.expires_at,
    };
    destination.deliver(&credential, context)
}
