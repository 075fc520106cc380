//! `segura policy apply`: write trust policies.

use std::path::PathBuf;

use segura_model::PolicyName;
use segura_model::api::{AppliedPolicy, ApplyQuery, PoliciesAnswer, PoliciesPut};
use segura_model::policy::{PolicyDraft, Standing};

use crate::command::issuer::change_word;
use crate::context::Context;
use crate::documents;
use crate::error::CliError;
use crate::print;

/// Add or replace the policies of files, all or none. A write replaces, it never merges.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy apply -f policies/
  segura policy apply -f payments.yaml --dry-run

  policy: payments-deploy
  issuer: github
  anchor: { repository_id: \"456789\", repository_owner_id: \"123456\" }
  claims:
    ref: { glob: \"refs/heads/release/*\" }
    environment: prod
  read: [ \"db/prod/*\" ]")]
pub(crate) struct Args {
    /// A file, a directory of files, or `-` for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Run `segura policy apply`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let (mut policies, mut places) = (Vec::new(), Vec::new());
    for document in documents::read(&args.files)? {
        let drafts = PolicyDraft::parse_documents(&document.text)
            .map_err(|fault| CliError::PolicyFile { name: document.name.clone(), fault })?;
        places.extend(drafts.iter().map(|draft| (draft.policy.clone(), document.name.clone())));
        policies.extend(drafts);
    }
    let operator = context.operator()?;
    let query = ApplyQuery { dry_run: args.dry_run };
    let applied = context.block_on(operator.policy_apply(&PoliciesPut { policies }, query));
    let answer = applied.inspect_err(|error| {
        for line in placed(&error.to_string(), &places) {
            print::note(&line);
        }
    })?;
    for policy in &answer.policies {
        for warning in &policy.warnings {
            print::warning(&format!("policy {}: {warning}", policy.policy));
        }
    }
    print::result(context.format(), &answer, words)
}

/// In which files the policies are that a refusal names: the broker knows no files.
fn placed(refusal: &str, places: &[(PolicyName, String)]) -> Vec<String> {
    let named = places.iter().filter(|(policy, _)| refusal.contains(&format!("`{policy}`")));
    named.map(|(policy, file)| format!("policy `{policy}` is in {file}")).collect()
}

fn words(answer: &PoliciesAnswer) -> String {
    let line = |policy: &AppliedPolicy| {
        let name = &policy.policy;
        let change = change_word(policy.change, answer.dry_run);
        let state = match policy.state {
            Standing::Active => "",
            Standing::Expired => " (expired: it grants nothing)",
            Standing::Pending => " (pending: it grants nothing yet)",
        };
        format!("policy {name} {change}{state}")
    };
    answer.policies.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_policies_that_are_refused_are_named() {
        let places: Vec<(PolicyName, String)> = ["pay", "pay-deploy", "shop"]
            .map(|name| (name.parse().unwrap(), format!("policies/{name}.yaml")))
            .into();
        let refusal = "policy `pay-deploy`: there is no issuer entry `nowhere`";
        assert_eq!(
            placed(refusal, &places),
            ["policy `pay-deploy` is in policies/pay-deploy.yaml"]
        );
        assert!(placed("the broker is away", &places).is_empty());
    }
}
