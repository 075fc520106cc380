//! `segura policy explain`: why, for an operator.

use std::path::{Path, PathBuf};

use segura_model::api::{DenialAnswer, DenialReason, ExplainAnswer, ExplainRequest};
use segura_model::id::IdError;
use segura_model::wanted::WantedSecret;
use segura_model::{Claims, DenialId, IssuerId};

use super::trace;
use crate::context::Context;
use crate::error::CliError;
use crate::{files, print};

/// Print each policy and each check, passed or failed, and why.
///
/// Of a refusal, by its id; of a job's token, which is verified and not spent; or of
/// claims in a JSON file, of a token that need not exist.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy explain --denial 01JDGW5E6Y3X9T2K8M4Q7R0BVC
  segura policy explain --job-token token.jwt --secret db/prod/password
  segura policy explain --claims claims.json --issuer github")]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// The issuer entry of the claims
    // With the conflicts, since the parser drops a `requires` that another conflict forbids.
    #[arg(long, requires = "claims", conflicts_with_all = ["denial", "job_token"])]
    issuer: Option<IssuerId>,
    /// A secret that is wanted; may be repeated
    #[arg(long = "secret", value_name = "PATH", conflicts_with = "denial")]
    secrets: Vec<WantedSecret>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A refusal's id
    #[arg(long, value_name = "ID", value_parser = denial_id)]
    denial: Option<DenialId>,
    /// A file with a job's identity token; `-` is standard input
    #[arg(long, value_name = "FILE")]
    job_token: Option<PathBuf>,
    /// A JSON file with the claims of a token, `sub` at least; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "issuer")]
    claims: Option<PathBuf>,
}

/// Run `segura policy explain`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    if let Some(id) = args.what.denial {
        let answer = context.block_on(operator.denial_find(id))?;
        return print::result(context.format(), &answer, denial);
    }
    let request = ExplainRequest {
        token: args.what.job_token.as_deref().map(files::read_token).transpose()?,
        claims: args.what.claims.as_deref().map(read_claims).transpose()?,
        issuer: args.issuer,
        secrets: args.secrets,
    };
    let answer = context.block_on(operator.explain(&request))?;
    print::result(context.format(), &answer, explanation)
}

/// An id in the one spelling it has, whatever a chat or a mail made of its letters.
fn denial_id(text: &str) -> Result<DenialId, IdError> {
    text.trim().to_ascii_uppercase().parse()
}

fn read_claims(path: &Path) -> Result<Claims, CliError> {
    Claims::parse(&files::read_bytes(path, LIMIT)?)
        .map_err(|error| CliError::Usage(format!("{}: {error}", files::shown(path))))
}

fn explanation(answer: &ExplainAnswer) -> String {
    format!("{} {}\n\n{}", answer.issuer, answer.subject, trace::words(&answer.trace))
}

fn denial(answer: &DenialAnswer) -> String {
    let record = &answer.record;
    let code = record.code.as_deref().unwrap_or("no reason recorded");
    let client = record.client.map(|client| format!(" from {client}")).unwrap_or_default();
    let who = print::actor(&record.actor);
    let head = format!("{}: {code}\n{}{client}, {who}", answer.denial, record.at);
    if !answer.reasons.is_empty() {
        // The policies had no part in it: that they match would lead astray.
        return format!(
            "{head}\n\n{}",
            answer.reasons.iter().map(reason).collect::<Vec<_>>().join("\n")
        );
    }
    match &answer.trace {
        Some(trace) => format!("{head}\n\n{}", trace::words(trace)),
        None => format!("{head}\n\n{}", without_trace(&record.detail)),
    }
}

fn reason(reason: &DenialReason) -> String {
    let help = reason.fix.iter().map(|fix| format!("\nhelp: {fix}"));
    format!("{}{}", reason.what, help.collect::<String>())
}

/// What the ledger has of a refusal that no policy was asked about.
fn without_trace(detail: &serde_json::Value) -> String {
    match (detail["why"].as_str(), detail["tried"].as_str()) {
        (Some(why), _) => why.to_owned(),
        (None, Some(tried)) => format!("it tried to {tried}"),
        (None, None) => "refused before any policy was looked at".to_owned(),
    }
}

const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_in_small_letters_too() {
        let id = "01JDGW5E6Y3X9T2K8M4Q7R0BVC";
        assert_eq!(denial_id(&id.to_lowercase()).unwrap().to_string(), id);
        assert!(denial_id("01jdgw").is_err());
    }
}
