//! `segura policy`: which workload may have what.

mod apply;
mod explain;
mod ls;
mod pin;
mod rm;
mod schema;
mod show;
mod trace;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Manage trust policies, and see why one grants or refuses.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura policy apply -f policies/
  segura policy explain --denial 01JDGW5E6Y3X9T2K8M4Q7R0BVC")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Apply(apply::Args),
    Explain(explain::Args),
    #[command(alias = "list")]
    Ls(ls::Args),
    Pin(pin::Args),
    #[command(aliases = ["delete", "remove"])]
    Rm(rm::Args),
    Schema(schema::Args),
    #[command(alias = "get")]
    Show(show::Args),
}

/// Run `segura policy …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Apply(args) => apply::run(&args, context),
        Verb::Explain(args) => explain::run(args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Pin(args) => pin::run(args, context),
        Verb::Rm(args) => rm::run(&args, context),
        Verb::Schema(args) => schema::run(&args, context),
        Verb::Show(args) => show::run(&args, context),
    }
}
