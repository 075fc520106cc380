//! `segura policy show`: one policy, as a file that `apply` takes.

use segura_model::PolicyName;
use segura_model::api::PolicyView;
use segura_model::policy::Standing;

use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Print a policy as a file that `segura policy apply` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura policy show payments-deploy > payments-deploy.yaml")]
pub(crate) struct Args {
    /// The policy's name
    policy: PolicyName,
}

/// Run `segura policy show`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let operator = context.operator()?;
    let view = context.block_on(operator.policy_find(&args.policy))?;
    print::result(context.format(), &view, words)
}

/// The policy, under comments that say what the file does not.
pub(crate) fn words(view: &PolicyView) -> String {
    let state = match (&view.pending, view.draft.expires_at) {
        (Some(why), _) => format!("pending, grants nothing: {why}").replace('\n', " "),
        (None, Some(end)) if view.state == Standing::Expired => {
            format!("expired at {end}, grants nothing: take `expires_at` out or name a later time")
        }
        (None, _) => view.state.as_str().to_owned(),
    };
    let by = view.changed_by.replace('\n', " ");
    format!("# {state}\n# written {} by {by}\n{}", view.changed_at, print::yaml(&view.draft))
}

#[cfg(test)]
mod tests {
    use segura_model::policy::PolicyDraft;

    use super::*;

    #[test]
    fn what_is_shown_reads_back_as_the_same_policy() {
        let text = r#"
policy: payments-deploy
issuer: github
anchor: { repository_id: "456789", repository_owner_id: "123456" }
claims:
  repository: acme/payments
  ref: { glob: "refs/heads/release/*" }
  environment: { in: [prod, staging] }
  actor: { not: [dependabot] }
allow_events: [pull_request_target]
read: [ "db/prod/*", "app/**" ]
deny: [ "db/prod/root" ]
session: 15m
"#;
        let draft = PolicyDraft::parse_documents(text).unwrap().remove(0);
        let view = PolicyView {
            draft: draft.clone(),
            state: Standing::Pending,
            pending: Some("no ids".to_owned()),
            changed_at: segura_model::Timestamp(0),
            changed_by: "ana".to_owned(),
        };
        assert_eq!(PolicyDraft::parse_documents(&words(&view)).unwrap(), [draft]);

        let draft = PolicyDraft {
            expires_at: Some(segura_model::Timestamp(1_795_521_600)),
            ..view.draft.clone()
        };
        let over = PolicyView { draft, state: Standing::Expired, pending: None, ..view };
        assert!(words(&over).starts_with("# expired at 2026-"), "{}", words(&over));
    }
}
