//! `segura issuer apply`: write issuer entries.

use std::path::PathBuf;

use segura_model::api::{ApplyQuery, Change, IssuersAnswer, IssuersPut};

use super::file;
use crate::context::Context;
use crate::documents;
use crate::error::CliError;
use crate::print;

/// Add or replace the issuer entries of files, all or none.
///
/// A file is YAML, one entry or several parted by `---`. Presets: github, gitlab,
/// azure-devops, kubernetes, and oidc for any other issuer. Without `audiences`, tokens
/// must be for one of the server's URLs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  printf 'issuer: github\\npreset: github\\n' | segura issuer apply -f -
  segura issuer apply -f issuers/ --dry-run")]
pub(crate) struct Args {
    /// A file, a directory of files, or `-` for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Run `segura issuer apply`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let mut issuers = Vec::new();
    for document in documents::read(&args.files)? {
        issuers.extend(file::parse(&document)?);
    }
    let operator = context.operator()?;
    let query = ApplyQuery { dry_run: args.dry_run };
    let answer = context.block_on(operator.issuer_apply(&IssuersPut { issuers }, query))?;
    for issuer in &answer.issuers {
        for warning in &issuer.warnings {
            print::warning(&format!("issuer {}: {warning}", issuer.entry.id));
        }
    }
    print::result(context.format(), &answer, words)
}

fn words(answer: &IssuersAnswer) -> String {
    let line = |issuer: &segura_model::api::AppliedIssuer| {
        let change = change_word(issuer.change, answer.dry_run);
        format!("issuer {} {change} ({})", issuer.entry.id, issuer.entry.iss)
    };
    answer.issuers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What an apply did, or would do.
pub(crate) const fn change_word(change: Change, dry_run: bool) -> &'static str {
    match (change, dry_run) {
        (Change::Created, false) => "created",
        (Change::Created, true) => "would be created",
        (Change::Replaced, false) => "replaced",
        (Change::Replaced, true) => "would be replaced",
        (Change::Unchanged, _) => "unchanged",
    }
}
