//! `segura audit verify`: is the ledger what it was?

use std::path::PathBuf;

use segura_model::api::{HeadAnswer, VerifyAnswer, VerifyRequest};

use crate::context::Context;
use crate::error::CliError;
use crate::files;
use crate::print::{self, Table};

/// Find records that were removed, reordered, edited or cut off.
///
/// Exits with 5 if something is wrong. Records cut from the end show only against a head
/// that was kept outside.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura audit verify
  segura audit head > head.txt; segura audit verify --head head.txt")]
pub(crate) struct Args {
    /// A file with heads, as `segura audit head` prints them; may be repeated
    #[arg(long = "head", value_name = "FILE")]
    heads: Vec<PathBuf>,
}

/// Run `segura audit verify`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let mut request = VerifyRequest::default();
    for path in &args.heads {
        let heads = parse_heads(&files::read_text(path, LIMIT)?);
        if heads.is_empty() {
            return Err(CliError::Usage(format!(
                "{} holds no head: expected lines `head_…`, as `segura audit head` prints them",
                path.display()
            )));
        }
        request.heads.extend(heads);
    }
    let operator = context.patient_operator()?;
    let answer = context.block_on(operator.audit_verify(&request))?;
    print::result(context.format(), &answer, |answer| words(answer, request.heads.len()))?;
    match answer.problems.len() {
        0 => Ok(()),
        problems => Err(CliError::LedgerBroken { problems }),
    }
}

/// Heads from lines, or from what `audit head --json` writes.
fn parse_heads(text: &str) -> Vec<String> {
    if let Ok(HeadAnswer { heads }) = serde_json::from_str(text) {
        return heads;
    }
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("head_"));
    lines.map(ToOwned::to_owned).collect()
}

fn words(answer: &VerifyAnswer, heads: usize) -> String {
    let counts = format!("{} records in {} chains", answer.records, answer.chains);
    if answer.problems.is_empty() {
        return match heads {
            0 => format!(
                "{counts}: none removed, reordered or edited; keep `segura audit head` outside to \
                 see a cut end as well"
            ),
            _ => format!("{counts}: whole, and so are the {heads} kept heads"),
        };
    }
    let mut table = Table::new(&["record", "code", "what is wrong"], "");
    for problem in &answer.problems {
        let record = match problem.seq {
            Some(seq) => format!("{}:{seq}", problem.chain),
            None => problem.chain.to_string(),
        };
        table.row([record, problem.code.clone(), problem.what.clone()]);
    }
    format!("{counts}\n{}", table.render())
}

const LIMIT: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_were_printed() {
        let heads = ["head_a".to_owned(), "head_b".to_owned()];
        assert_eq!(parse_heads("head_a\n head_b\n"), heads);
        assert_eq!(parse_heads(r#"{"heads":["head_a","head_b"]}"#), heads);
        assert!(parse_heads("<html>").is_empty());
    }
}
