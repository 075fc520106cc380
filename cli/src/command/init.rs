//! `segura init`: from nothing to a server that starts.

mod plan;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segura_broker::config::check_folder;
use segura_broker::local::{LocalError, NewFolders, Sources, initialise, is_complete};
use segura_broker::startup::World;
use segura_model::{OperatorName, SystemClock};
use segura_vault::SystemRandom;

use crate::context::Context;
use crate::error::CliError;
use crate::files::Reserved;
use crate::print;
use crate::settings::Overrides;

use plan::Plan;
use report::Report;

/// Prepare a server: data directory, keyring, authority, first operator, settings.
///
/// What is there already is never changed, and flags that say something else than the
/// configuration file that is there are refused. Each setting in the new configuration file is
/// explained there. The keyring is guarded by a key file, which is made unless it is
/// there, or by a passphrase in a file or in SEGURA_GUARD__PASSPHRASE. Keep the guard
/// apart from the data and its backups: whoever has both has everything, and without it
/// the data is lost. `--url` names the server in its certificate and is the audience that tokens for
/// it must have; without a port it says 443.
///
/// Unless said otherwise, the data directory is segura-data and the key file guard.key,
/// both beside the configuration file. Of a database that has a keyring already, such as
/// that of another server, the guard must be named: `--key-file` or `--passphrase-file`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura init --url https://segura.example:8443
  segura init --url https://segura.example --listen 0.0.0.0:443 \\
    --config /etc/segura/segura.toml --data-dir /var/lib/segura \\
    --key-file /etc/segura/guard.key --credential-file admin.token
  segura init --url https://segura.example:8443 --database postgres://segura@db.example/segura")]
pub(crate) struct Args {
    /// Where the configuration file is, or is to be made
    #[arg(long, value_name = "FILE", default_value = "segura.toml")]
    config: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    /// PostgreSQL instead of the embedded database: postgres://user@host/name
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The file with the database user's password
    #[arg(long, value_name = "FILE", requires = "database")]
    database_password_file: Option<PathBuf>,
    /// The key file that guards the keyring; made unless it is there
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    key_file: Option<PathBuf>,
    /// A file with a passphrase that guards the keyring
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A certificate to show, PEM, instead of one of a private authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The first operator's name
    #[arg(long, value_name = "NAME", default_value = "admin")]
    operator: OperatorName,
    /// Write the operator's credential into this new file, mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Run `segura init`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let plan = Plan::new(args, context)?;
    let complete = context.block_on_server(is_complete(&plan.guarded(), World::Real))?;
    plan.check_flags()?;
    for warning in plan.warnings() {
        print::warning(&warning);
    }
    // Made before anything else, so that a path that cannot be written stops us now.
    let config_file = plan.new_file.as_ref().map(|_| reserve(&plan.path)).transpose()?;
    let made = if complete {
        Report::nothing(args.credential_file.clone())
    } else {
        make(args, &plan, context)?
    };
    if let (Some(ConfigFile { file, folders }), Some(text)) = (config_file, &plan.new_file) {
        file.fill(text.as_bytes())?;
        if let Some(folders) = folders {
            folders.keep();
        }
    }
    made.print(&plan, context.format())
}

/// The configuration file to be, and what was made for it. Without content the file goes
/// away, and then the folders.
struct ConfigFile {
    file: Reserved,
    folders: Option<NewFolders>,
}

/// The configuration file, in a folder that is made if it is not there.
fn reserve(path: &Path) -> Result<ConfigFile, CliError> {
    let folders = path.parent().map(|folder| {
        check_folder(folder).map_err(LocalError::from)?;
        let failed = |source| LocalError::Write { path: folder.to_owned(), source };
        NewFolders::make(folder, 0o755).map_err(failed)
    });
    let folders = folders.transpose()?;
    Ok(ConfigFile { file: Reserved::new(path)?, folders })
}

fn make(args: &Args, plan: &Plan, context: &Context) -> Result<Report, CliError> {
    let credential_file = args.credential_file.as_deref().map(Reserved::new).transpose()?;
    let sources = Sources { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) };
    let operator = args.operator.clone();
    let made =
        context.block_on_server(initialise(&plan.config, World::Real, operator, &sources))?;
    Report::new(made, credential_file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_configuration_file_is_not_made_where_others_can_replace_it() {
        let folder = tempfile::tempdir().unwrap();
        let shared = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), shared).unwrap();
        for file in ["segura.toml", "etc/segura.toml"] {
            let refused = reserve(&folder.path().join(file)).err().unwrap();
            assert!(refused.to_string().contains("chmod go-w"), "{refused}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_folder_of_the_configuration_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("etc/segura/segura.toml");
        drop(reserve(&file).unwrap());
        assert!(!folder.path().join("etc").exists(), "for nothing it is not made");
        let ConfigFile { file: reserved, folders } = reserve(&file).unwrap();
        reserved.fill(b"x").unwrap();
        folders.unwrap().keep();
        let mode = file.parent().unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o755, mode & 0o777, "{mode:o}");
        assert_eq!(std::fs::read(&file).unwrap(), b"x");
    }
}
