//! What the broker believes of a GitHub Actions token.
//!
//! One issuer signs for every repository of github.com. An enterprise's own issuer
//! (with its slug), ghe.com and Enterprise Server are other `iss` values of the same
//! preset; their entries may say `shared: false`.

use segura_model::issuer::{Algorithm, Spend};
use segura_model::preset::{Preset, RefusedValue};

use super::claims::CLAIMS;

/// GitHub Actions.
pub static PRESET: Preset = Preset {
    id: "github",
    shared: true,
    iss: Some("https://token.actions.githubusercontent.com"),
    audiences: &[],
    algorithms: &[Algorithm::RS256],
    max_age: 600,
    spend: Spend::Once,
    claims: CLAIMS,
    open_claims: false,
    anchors: &[&["repository_id"], &["repository_owner_id"], &["enterprise_id"]],
    refused: &[
        RefusedValue {
            claim: "event_name",
            values: &["pull_request_target", "workflow_run"],
            reason: "it runs with the trust and the ref of the default branch, and can be made to \
                     run what a stranger's pull request brought",
        },
        RefusedValue {
            claim: "event_name",
            values: &[
                "discussion",
                "discussion_comment",
                "issue_comment",
                "issues",
                "pull_request_review",
                "pull_request_review_comment",
            ],
            reason: "strangers start it, with a text of their choosing, and it runs with the \
                     repository's own trust",
        },
        RefusedValue {
            claim: "event_name",
            values: &["fork", "gollum", "watch"],
            reason: "anyone who forks, stars or, where the wiki is open, edits a page starts it, \
                     and it runs with the repository's own trust",
        },
        RefusedValue {
            claim: "event_name",
            values: &["check_run", "check_suite", "status"],
            reason: "it runs with the trust of the default branch, and what it is about may be a \
                     stranger's pull request that another service has looked at",
        },
    ],
    require_same: &[],
    everyday: EVERYDAY,
    run: &[
        "repository",
        "run_id",
        "run_attempt",
        "job_workflow_ref",
        "event_name",
        "ref",
        "sha",
        "actor",
    ],
    check: |_, _| Ok(()),
};

/// What people call the claims.
const EVERYDAY: &[(&str, &str)] = &[
    ("branch", "ref"),
    ("commit", "sha"),
    ("env", "environment"),
    ("event", "event_name"),
    ("git_ref", "ref"),
    ("id", "repository_id"),
    ("org", "repository_owner"),
    ("org_id", "repository_owner_id"),
    ("organisation", "repository_owner"),
    ("organization", "repository_owner"),
    ("owner", "repository_owner"),
    ("owner_id", "repository_owner_id"),
    ("project", "repository"),
    ("project_id", "repository_id"),
    ("repo", "repository"),
    ("repo_id", "repository_id"),
    ("repo_owner", "repository_owner"),
    ("repo_owner_id", "repository_owner_id"),
    ("runner", "runner_environment"),
    ("subject", "sub"),
    ("tag", "ref"),
    ("trigger", "event_name"),
    ("user", "actor"),
    ("user_id", "actor_id"),
    ("visibility", "repository_visibility"),
];

#[cfg(test)]
mod tests {
    use segura_model::preset::ClaimTrust;

    use super::super::sample;
    use super::*;
    use crate::platform::testing::{EXAMPLES, decides, parse, workload};

    const POLICY: &str = "
policy: deploy
issuer: ci
anchor: { repository_id: '456789', repository_owner_id: '123456' }
claims: { ref: refs/heads/main }
read: ['db/**']";

    #[test]
    fn the_published_example_is_a_workload() {
        let workload = workload(&PRESET, &parse(EXAMPLES.github)).unwrap();
        assert_eq!(workload.anchors["repository_id"], "74");
        assert_eq!(workload.anchors["repository_owner_id"], "65");
        assert_eq!(workload.anchors["enterprise_id"], "2");
        assert_eq!(workload.run["run_id"], "example-run-id");
        assert!(!workload.run.contains_key("head_ref"));
    }

    #[test]
    fn every_claim_of_the_published_example_can_be_named() {
        let standard = ["jti", "aud", "iss", "nbf", "exp", "iat"];
        for (name, _) in parse(EXAMPLES.github).iter().filter(|(name, _)| !standard.contains(name))
        {
            assert!(PRESET.claim(name).is_some(), "{name}");
        }
    }

    #[test]
    fn both_forms_of_the_subject_are_taken() {
        for claims in [sample::github(), sample::github_immutable_subject()] {
            assert!(decides(&PRESET, POLICY, &claims), "{}", claims["sub"]);
        }
        assert_eq!(sample::github()["sub"], "repo:acme/payments:ref:refs/heads/main");
        assert_eq!(
            sample::github_immutable_subject()["sub"],
            "repo:acme@123456/payments@456789:ref:refs/heads/main"
        );
    }

    #[test]
    fn a_fork_is_somebody_else() {
        assert!(!decides(&PRESET, POLICY, &sample::github_fork()));
    }

    #[test]
    fn what_strangers_start_is_refused_unless_named() {
        for event in [
            "check_run",
            "check_suite",
            "discussion",
            "discussion_comment",
            "fork",
            "gollum",
            "issue_comment",
            "issues",
            "pull_request_review",
            "pull_request_review_comment",
            "pull_request_target",
            "status",
            "watch",
            "workflow_run",
        ] {
            let mut claims = sample::github();
            claims["event_name"] = event.into();
            assert!(!decides(&PRESET, POLICY, &claims), "{event}");
            let lifted = format!("{POLICY}\nallow_events: [{event}]");
            assert!(decides(&PRESET, &lifted, &claims), "{event}");
        }
        assert!(!decides(&PRESET, POLICY, &sample::github_pull_request_target()));
    }

    #[test]
    fn what_takes_the_right_to_write_is_not_refused() {
        for event in ["push", "schedule", "workflow_dispatch", "release", "deployment_status"] {
            let mut claims = sample::github();
            claims["event_name"] = event.into();
            assert!(decides(&PRESET, POLICY, &claims), "{event}");
        }
    }

    #[test]
    fn a_pull_request_does_not_look_like_its_base() {
        assert!(!decides(&PRESET, POLICY, &sample::github_pull_request()));
    }

    #[test]
    fn an_id_of_the_wrong_type_grants_nothing() {
        let mut claims = sample::github();
        claims["repository_id"] = 456_789.into();
        assert!(!decides(&PRESET, POLICY, &claims));
    }

    #[test]
    fn custom_properties_can_be_named() {
        assert_eq!(PRESET.claim("repo_property_tier").unwrap().trust, ClaimTrust::Attribute);
        assert!(PRESET.claim("repo_property_").is_none());
    }
}
