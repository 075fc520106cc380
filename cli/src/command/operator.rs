//! `segura operator`: the people and scripts that administer.

mod add;
mod credential;
mod ls;
mod recover;
mod rm;
mod rotate;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Manage operators and their credentials.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura operator add terraform --role author --expires 90d
  segura operator ls")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Args),
    Ls(ls::Args),
    Recover(recover::Args),
    Rm(rm::Args),
    Rotate(rotate::Args),
}

/// Run `segura operator …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Add(args) => add::run(args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Recover(args) => recover::run(args, context),
        Verb::Rm(args) => rm::run(&args, context),
        Verb::Rotate(args) => rotate::run(&args, context),
    }
}
