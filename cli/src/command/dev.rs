//! `segura dev`: a CI world on this machine, to try things in.

mod scratch;
mod token;
mod up;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Start a world to try things in: a broker, a vault and CI issuers on this machine.
///
/// It says what to try next. Its issuers sign tokens shaped like those of GitHub, GitLab, Azure DevOps and
/// Kubernetes, with keys made for this run; `segura dev token` mints one. Everything is
/// in a scratch folder that is removed at the end, or at the next start if this one is
/// killed, unless --dir names one to keep.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example:
  segura dev
  segura dev --dir ./world --port 8443
  segura dev token --like github --repository acme/payments --ref refs/heads/main")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    up: up::World,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Token(token::Args),
}

/// Run `segura dev …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Some(Verb::Token(args)) => token::run(args, context),
        None => up::run(&args.up, context),
    }
}
