//! `segura secret`: the vault from the outside.

mod fields;
mod get;
mod history;
mod ls;
mod overdue;
mod put;
mod rm;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Put, read and list secrets.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  printf %s \"$NEW\" | segura secret put db/prod/password
  segura secret get db/prod/password")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(alias = "read")]
    Get(get::Args),
    History(history::Args),
    #[command(alias = "list")]
    Ls(ls::Args),
    #[command(aliases = ["set", "write"])]
    Put(put::Args),
    #[command(aliases = ["delete", "remove"])]
    Rm(rm::Args),
}

/// Run `segura secret …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Get(args) => get::run(&args, context),
        Verb::History(args) => history::run(&args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Put(args) => put::run(args, context),
        Verb::Rm(args) => rm::run(&args, context),
    }
}
