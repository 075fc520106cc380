//! `segura policy apply`: write trust policies.

use std::collections::HashMap;
use std::path::PathBuf;

use segura_model::PolicyName;
use segura_model::api::{
    AppliedPolicy, ApplyQuery, MOST_APPLIED, MOST_APPLIED_BYTES, PoliciesAnswer, PoliciesPut,
};
use segura_model::policy::{PolicyDraft, Standing};
use segura_sdk::{Operator, SdkError};

use crate::command::issuer::change_word;
use crate::context::Context;
use crate::documents;
use crate::error::CliError;
use crate::print;

/// Add or replace the policies of files: up to 1,000 all or none. A write never merges.
///
/// More than 1,000 policies are sent 1,000 at a time, each thousand applied whole, after
/// all were checked; those that have a `deny` first, so that no grant stands without it.
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
    once(&places)?;
    let (operator, portions) = (context.operator()?, portions(denies_first(policies)));
    let mut policies = Vec::with_capacity(places.len());
    let query = ApplyQuery { dry_run: args.dry_run };
    let sent = context.block_on(send(&operator, &portions, query, &mut policies));
    sent.inspect_err(|error| {
        for line in placed(&error.to_string(), &places) {
            print::note(&line);
        }
        if let Some(line) = half_done(policies.len(), places.len()) {
            print::note(&line);
        }
    })?;
    let answer = PoliciesAnswer { policies, dry_run: args.dry_run };
    for policy in &answer.policies {
        for warning in &policy.warnings {
            print::warning(&format!("policy {}: {warning}", policy.policy));
        }
    }
    print::result(context.format(), &answer, words)
}

/// Refuse a policy that is there twice: the broker would see it only within one portion.
fn once(places: &[(PolicyName, String)]) -> Result<(), CliError> {
    let mut seen = HashMap::with_capacity(places.len());
    for (policy, file) in places {
        if let Some(first) = seen.insert(policy, file) {
            return Err(CliError::Usage(format!(
                "policy `{policy}` is there twice, in {first} and in {file}: name each once"
            )));
        }
    }
    Ok(())
}

/// Those that deny something before all others, else in their order: while some portions
/// are applied and others are not, a grant must not stand without its deny.
fn denies_first(mut policies: Vec<PolicyDraft>) -> Vec<PolicyDraft> {
    policies.sort_by_key(|policy| policy.deny.is_empty());
    policies
}

/// As many policies to a request as the broker takes.
fn portions(policies: Vec<PolicyDraft>) -> Vec<PoliciesPut> {
    let (mut portions, mut portion, mut bytes) = (Vec::new(), Vec::new(), 0);
    for policy in policies {
        let size = serde_json::to_vec(&policy).map_or(0, |json| json.len());
        if portion.len() == MOST_APPLIED || bytes + size > PORTION_BYTES && !portion.is_empty() {
            portions.push(PoliciesPut { policies: std::mem::take(&mut portion) });
            bytes = 0;
        }
        portion.push(policy);
        bytes += size;
    }
    portions.push(PoliciesPut { policies: portion });
    portions
}

/// Apply one portion after the other. All are tried without a change first, so that a
/// mistake in the last one leaves the first one unapplied too.
async fn send(
    operator: &Operator,
    portions: &[PoliciesPut],
    query: ApplyQuery,
    applied: &mut Vec<AppliedPolicy>,
) -> Result<(), SdkError> {
    if portions.len() > 1 && !query.dry_run {
        for portion in portions {
            operator.policy_apply(portion, ApplyQuery { dry_run: true }).await?;
        }
    }
    for portion in portions {
        applied.extend(operator.policy_apply(portion, query).await?.policies);
    }
    Ok(())
}

/// What is there when not all came through.
fn half_done(applied: usize, all: usize) -> Option<String> {
    (applied > 0).then(|| {
        format!(
            "{applied} of {all} policies came through; run this again to go on: those that are \
             there already stay as they are"
        )
    })
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

/// Most bytes of a portion: what the broker takes, less the commas between policies.
const PORTION_BYTES: usize = MOST_APPLIED_BYTES - 64 * 1024;

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

    fn drafts(count: usize, read: &str) -> Vec<PolicyDraft> {
        let one = |at| format!("---\npolicy: p{at}\nissuer: ci\nread: [{read}]\n");
        let text: Vec<String> = (0..count).map(one).collect();
        PolicyDraft::parse_documents(&text.concat()).unwrap()
    }

    #[test]
    fn policies_are_sent_as_many_as_the_broker_takes_in_their_order() {
        let sizes = |policies: Vec<PolicyDraft>| {
            let portions = portions(policies.clone());
            let all: Vec<_> = portions.iter().flat_map(|portion| &portion.policies).collect();
            assert!(all.iter().copied().eq(&policies));
            let body = |portion: &PoliciesPut| serde_json::to_vec(portion).unwrap().len();
            assert!(portions.iter().all(|portion| body(portion) <= MOST_APPLIED_BYTES));
            portions.iter().map(|portion| portion.policies.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(drafts(1000, "x")), [1000]);
        assert_eq!(sizes(drafts(2001, "x")), [1000, 1000, 1]);
        let large = vec!["a".repeat(60); 256].join(", ");
        assert_eq!(sizes(drafts(300, &large)).len(), 2, "by their bytes");
    }

    #[test]
    fn policies_that_deny_are_sent_before_all_others() {
        let large = vec!["a".repeat(60); 256].join(", ");
        let mut policies = drafts(300, &large);
        policies[299].deny = vec!["db/prod/*".parse().unwrap()];
        let sent = portions(denies_first(policies));
        assert_eq!(sent.len(), 2, "by their bytes");
        assert_eq!(sent[0].policies[0].policy.as_str(), "p299");

        let mut policies = drafts(2001, "x");
        for at in [1500, 2000] {
            policies[at].deny = vec!["db/prod/*".parse().unwrap()];
        }
        let portions = portions(denies_first(policies));
        let names: Vec<&str> = portions
            .iter()
            .flat_map(|portion| &portion.policies)
            .map(|policy| policy.policy.as_str())
            .collect();
        assert_eq!(names[..4], ["p1500", "p2000", "p0", "p1"]);
        assert_eq!((names[1501], names[1502]), ("p1499", "p1501"));
        assert_eq!(names.len(), 2001);
    }

    #[test]
    fn a_policy_that_is_there_twice_is_named_with_both_files() {
        let place = |policy: &str, file: &str| (policy.parse().unwrap(), file.to_owned());
        let places = [place("a", "1.yaml"), place("b", "1.yaml"), place("a", "2.yaml")];
        let refused = once(&places).unwrap_err().to_string();
        assert!(
            refused.contains("policy `a` is there twice, in 1.yaml and in 2.yaml"),
            "{refused}"
        );
        once(&places[..2]).unwrap();
    }

    #[test]
    fn who_is_stopped_half_way_is_told_how_far_it_went() {
        assert_eq!(half_done(0, 3), None);
        assert!(half_done(1000, 2500).unwrap().starts_with("1000 of 2500 policies"));
    }
}
