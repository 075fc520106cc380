//! `segura issuer show`: one entry, with all that its preset filled in.
//!
//! Printed as a file that `apply` takes, so that showing, editing and applying is the
//! way to change one.

use segura_model::issuer::{IssuerDraft, KeySource, KeysDraft};
use segura_model::{IssuerEntry, IssuerId, Seconds};

use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Print an issuer entry as a file that `segura issuer apply` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura issuer show github > github.yaml")]
pub(crate) struct Args {
    /// The entry's id
    issuer: IssuerId,
}

/// Run `segura issuer show`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let entry = context.block_on(operator.issuer_find(&args.issuer))?;
    print::result(context.format(), &entry, |entry| print::yaml(&draft(entry.clone())))
}

/// The file that stands for an entry, nothing left to the preset.
fn draft(entry: IssuerEntry) -> IssuerDraft {
    IssuerDraft {
        issuer: entry.id,
        preset: entry.preset,
        iss: Some(entry.iss),
        audiences: entry.audiences,
        algorithms: Some(entry.algorithms),
        max_age: Some(Seconds::new(entry.max_age)),
        spend: Some(entry.spend),
        keys: Some(keys(entry.keys)),
        insecure_loopback: entry.insecure_loopback.then_some(true),
        shared: Some(entry.shared),
    }
}

fn keys(source: KeySource) -> KeysDraft {
    let none = KeysDraft::default();
    match source {
        KeySource::Discovery { ca_file, bearer_token_file } => {
            KeysDraft { discovery: Some(true), ca_file, bearer_token_file, ..none }
        }
        KeySource::JwksFile { path } => KeysDraft { jwks_file: Some(path), ..none },
        KeySource::JwksUri { url, ca_file, bearer_token_file } => {
            KeysDraft { jwks_uri: Some(url), ca_file, bearer_token_file, ..none }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use crate::documents::Document;

    #[test]
    fn what_is_shown_compiles_to_the_same_entry() {
        let preset = segura_plugins::preset("github").unwrap();
        let text = "issuer: github\npreset: github\naudiences: [https://segura.example]\n";
        let parse =
            |text: String| file::parse(&Document { name: "-".to_owned(), text }).unwrap().remove(0);
        let entry = parse(text.to_owned()).compile(preset).unwrap();
        let shown = print::yaml(&draft(entry.clone()));
        assert_eq!(parse(shown).compile(preset).unwrap(), entry);
    }
}
