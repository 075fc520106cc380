//! `segura issuer`: who may vouch for a workload.

mod apply;
mod file;
mod ls;
mod rm;
mod show;

use clap::Subcommand;

pub(crate) use apply::change_word;

use crate::context::Context;
use crate::error::CliError;

/// Manage issuer entries: the allow-list of who may vouch for a workload.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura issuer apply -f github.yaml
  segura issuer ls")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Apply(apply::Args),
    #[command(alias = "list")]
    Ls(ls::Args),
    #[command(aliases = ["delete", "remove"])]
    Rm(rm::Args),
    #[command(alias = "get")]
    Show(show::Args),
}

/// Run `segura issuer …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Apply(args) => apply::run(&args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Rm(args) => rm::run(&args, context),
        Verb::Show(args) => show::run(&args, context),
    }
}
