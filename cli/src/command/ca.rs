//! `segura ca`: the broker's certificate authority.
//!
//! On the server the certificate comes from the database: a client that does not trust
//! the broker yet cannot ask it.

use clap::Subcommand;
use segura_broker::local;
use segura_model::api::CaAnswer;

use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};
use crate::settings::ConfigFile;

/// The broker's own certificate authority.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example:
  segura ca show > ca.pem")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(ShowArgs),
}

/// Print the authority's certificate on standard output and its fingerprint beside it.
///
/// On the server, where its configuration file is, it comes from the database; elsewhere
/// from the broker that is logged in to. Compare the fingerprint with the one that
/// `segura init` printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura ca show --config /etc/segura/segura.toml > ca.pem
  segura ca show --url https://segura.example --json")]
struct ShowArgs {
    #[command(flatten)]
    file: ConfigFile,
}

/// Run `segura ca …`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let Verb::Show(ShowArgs { file }) = args.verb;
    let is_here = file.config.is_some() || (file.find().is_some() && !context.knows_broker());
    let answer = if is_here { read(&file, context)? } else { ask(context)? };
    if context.format() == Format::Person {
        print::note(&format!("SHA-256 {}", by_eye(&answer.fingerprint)));
    }
    print::result(context.format(), &answer, |answer| answer.pem.trim_end().to_owned())
}

fn ask(context: &Context) -> Result<CaAnswer, CliError> {
    let client = context.client()?;
    context.block_on(client.ca())
}

fn read(file: &ConfigFile, context: &Context) -> Result<CaAnswer, CliError> {
    let config = file.load(context)?;
    let authority = context.block_on_server(local::authority(&config))?;
    Ok(CaAnswer { pem: authority.pem, fingerprint: authority.fingerprint })
}

/// Pairs of capital digits, as `init` and other tools print fingerprints.
fn by_eye(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_looks_the_same_everywhere() {
        assert_eq!(by_eye("abcd01"), "AB:CD:01");
        assert_eq!(by_eye("AB:CD:01"), "AB:CD:01");
    }
}
