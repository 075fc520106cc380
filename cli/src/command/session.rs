//! `segura session`: the stays of workloads.

mod end;
mod ls;
mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// List sessions and end them, one or all of a kind.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura session ls
  segura session end 01JDGW5E6Y3X9T2K8M4Q7R0BVC
  segura session revoke --issuer github")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    End(end::Args),
    #[command(alias = "list")]
    Ls(ls::Args),
    Revoke(revoke::Args),
}

/// Run `segura session …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::End(args) => end::run(&args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Revoke(args) => revoke::run(&args, context),
    }
}
