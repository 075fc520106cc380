//! The commands, one file each, and which of them runs.
//!
//! Adding a command: a file here with `Args`, an example in its help and `run`; a
//! variant in [`crate::cli::Command`]; a line below.

pub(crate) mod audit;
pub(crate) mod ca;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod issuer;
pub(crate) mod keyring;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod operator;
pub(crate) mod policy;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod whoami;

use crate::cli::Command;
use crate::context::Context;
use crate::error::CliError;

/// Run a command; the exit code is zero unless `exec` passes its child's on.
pub(crate) fn run(command: Command, context: &Context) -> Result<u8, CliError> {
    let done = match command {
        Command::Audit(args) => audit::run(args, context),
        Command::Ca(args) => ca::run(args, context),
        Command::Config(args) => config::run(args, context),
        Command::Dev(args) => dev::run(args, context),
        Command::Exec(args) => return exec::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Init(args) => init::run(&args, context),
        Command::Issuer(args) => issuer::run(args, context),
        Command::Keyring(args) => keyring::run(args, context),
        Command::Login(args) => login::run(args, context),
        Command::Logout(args) => logout::run(args, context),
        Command::Operator(args) => operator::run(args, context),
        Command::Policy(args) => policy::run(args, context),
        Command::Secret(args) => secret::run(args, context),
        Command::Server(args) => server::run(&args, context),
        Command::Session(args) => session::run(args, context),
        Command::Whoami(args) => whoami::run(args, context),
    };
    done.map(|()| 0)
}
