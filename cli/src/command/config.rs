//! `segura config`: the server's configuration file.

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::print;
use crate::settings::{self, ConfigFile, Overrides};

/// The server's configuration file.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura config check --config /etc/segura/segura.toml")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(CheckArgs),
}

/// Read the settings as `segura server` would, look at the files they name, and say
/// what is wrong. Starts nothing and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura config check --config /etc/segura/segura.toml")]
struct CheckArgs {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    overrides: Overrides,
}

/// Run `segura config …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let Verb::Check(args) = args.verb;
    let config = args.file.load_with(&args.overrides, context)?;
    settings::check(&config)?;
    let file = args.file.find();
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    for warning in &warnings {
        print::warning(warning);
    }
    let answer = json!({"ok": true, "file": file, "warnings": warnings});
    print::result(context.format(), &answer, |_| match file {
        Some(file) => format!("{}: good", file.display()),
        None => "no file; the settings of the environment and the flags are good".to_owned(),
    })
}
