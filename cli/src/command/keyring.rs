//! `segura keyring`: the keys that all others hang on.

mod rewrap;
mod roll;
mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;

/// Look at the keyring, give it a new generation, change its guard.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura keyring show
  segura keyring roll")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Rewrap(rewrap::Args),
    Roll(roll::Args),
    Show(show::Args),
}

/// Run `segura keyring …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    match args.verb {
        Verb::Rewrap(args) => rewrap::run(args, context),
        Verb::Roll(args) => roll::run(&args, context),
        Verb::Show(args) => show::run(&args, context),
    }
}
