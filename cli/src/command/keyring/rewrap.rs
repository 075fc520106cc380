//! `segura keyring rewrap`: another guard.

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use segura_broker::config::GuardSource;
use segura_broker::local::{self, Sources};
use segura_model::SystemClock;
use segura_vault::SystemRandom;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::settings::ConfigFile;

/// Put the keyring under another key file or passphrase, on the server itself.
///
/// Needs the server's settings and the guard that opens the keyring now. The keys stay
/// the same; nothing else is sealed anew. Afterwards name the new guard in the settings
/// and start every server with them. A backup from before opens with the old guard: keep
/// it as long as the backup. With the embedded database, stop the server first. The
/// ledger records it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura keyring rewrap --config /etc/segura/segura.toml --new-key-file /etc/segura/guard-2.key
  segura keyring rewrap --new-passphrase-file /run/credentials/segura/passphrase")]
pub(crate) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    guard: NewGuard,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct NewGuard {
    /// The key file that is to guard the keyring; made unless it is there
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// A file with the passphrase that is to guard the keyring
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Run `segura keyring rewrap`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let config = args.file.load(context)?;
    let NewGuard { new_key_file, new_passphrase_file } = args.guard;
    let (to, setting, path) = match (new_key_file, new_passphrase_file) {
        (Some(path), _) => {
            let path = full(&path)?;
            (GuardSource::KeyFile(path.clone()), "guard.key_file", path)
        }
        (None, Some(path)) => {
            let path = full(&path)?;
            (GuardSource::PassphraseFile(path.clone()), "guard.passphrase_file", path)
        }
        (None, None) => unreachable!("the parser demands one of them"),
    };
    let sources = Sources { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) };
    let done = context.block_on_server(local::rewrap(&config, &to, &sources))?;
    let answer = json!({
        "guard": done.guard.to_string(),
        "setting": setting,
        "path": path,
        "made": done.key_file.is_some(),
    });
    print::result(context.format(), &answer, |_| {
        format!(
            "the keyring is guarded by {} now: set `{setting}` to {} in the settings, in place of \
             the old guard, and start every server with them; keep the old guard for as long \
             as you keep backups from before",
            done.guard,
            path.display()
        )
    })
}

/// From the root on: in the settings it would count from their own folder.
fn full(path: &Path) -> Result<PathBuf, CliError> {
    absolute(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}
