//! `segura audit`: the ledger.

mod filter;
mod head;
mod ls;
mod rows;
mod tail;
mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Read and check the ledger.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura audit ls --path db/prod/password --since 2026-11-01
  segura audit head > head.txt; segura audit verify --head head.txt")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Head(head::Args),
    #[command(alias = "list")]
    Ls(ls::Args),
    Tail(tail::Args),
    Verify(verify::Args),
}

/// Run `segura audit …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Head(args) => head::run(&args, context),
        Verb::Ls(args) => ls::run(&args, context),
        Verb::Tail(args) => tail::run(&args, context),
        Verb::Verify(args) => verify::run(&args, context),
    }
}
