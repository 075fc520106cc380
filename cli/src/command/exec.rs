//! `segura exec`: run a command with the secrets this job may have.

use std::ffi::OsString;
use std::path::PathBuf;

use segura_model::wanted::{Binding, BindingForm};
use segura_plugins::ShortValues;

use crate::context::{self, Context};
use crate::error::CliError;
use crate::exec::ExecError;
use crate::exec::fetch::fetch;
use crate::exec::identity::{Identity, IdentityArgs};
use crate::exec::process::{Looks, harden};
use crate::exec::program::find as find_program;
use crate::exec::run::{Output, Task, run as run_task};
use crate::exec::wanted::WantedArgs;
use crate::print;

/// Run a command with the secrets this job may have.
///
/// The job proves who it is with its CI platform's identity token. The values are in
/// the environment of the command only, hidden in its output, and the session ends
/// with it. The exit code is the command's: 126 or 127 if it cannot run or is not there,
/// which is looked at before the token is spent. All others of `segura` are below 8.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura exec --secret 'db/prod/password > DB_PASSWORD' -- ./deploy.sh
  segura exec --secret 'db/prod/login#user@3 > DB_USER' --secret 'tls/key > KEY:file' -- ./deploy.sh
  segura exec --secrets-file .segura --token-file token.jwt -- make release")]
pub(crate) struct Args {
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Keep the session in this file (0600) for later calls, instead of ending it
    #[arg(long, value_name = "FILE")]
    session_file: Option<PathBuf>,
    /// Take values of fewer than 4 characters, which cannot be hidden in output
    #[arg(long)]
    allow_unmasked: bool,
    /// Hide nothing in the command's output
    #[arg(long)]
    no_mask: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Run the child; the exit code is its own.
pub(crate) fn run(args: Args, context: &Context) -> Result<u8, CliError> {
    let Args { wanted, identity, session_file, allow_unmasked, no_mask, command } = args;
    let bindings = wanted.bindings()?;
    harden(looks(&bindings));
    if bindings.is_empty() {
        print::warning("no --secret is named: the command gets none");
    }
    if no_mask {
        print::warning("--no-mask: values in the command's output are not hidden");
    }
    let path = context::search_path().filter(|_| identity.named_var() != Some("PATH"));
    let path = path.as_deref();
    // Before the token is spent, the session opened, and a broker waited for.
    find_program(&command[0], path).map_err(ExecError::Program)?;
    let (client, within) = (context.client()?, context.timeout()?);
    let identity = Identity::find(&identity, client.url(), context)?;
    let withheld = identity.token_vars();
    let task = Task {
        command: &command,
        path,
        bindings: &bindings,
        withheld: &withheld,
        short: if allow_unmasked { ShortValues::LeaveVisible } else { ShortValues::Refuse },
        output: if no_mask { Output::Plain } else { Output::Masked },
    };
    context.block_on(async {
        let session_file = session_file.as_deref();
        let fetched = fetch(&client, &identity, task.bindings, session_file, within).await?;
        run_task(&task, fetched).await
    })
}

/// A value behind a path in our folder of `/proc` needs it to be open to the child.
fn looks(bindings: &[Binding]) -> Looks {
    if bindings.iter().any(|binding| binding.form == BindingForm::File) {
        Looks::Needed
    } else {
        Looks::Refused
    }
}
