//! What the broker believes of a GitLab CI/CD id token.
//!
//! gitlab.com signs for everybody; a self-managed instance is another `iss`, and its
//! entry may say `shared: false`. A job has one token, minted when it starts, so an
//! hour of age is taken and each token once.

use segura_model::issuer::{Algorithm, Spend};
use segura_model::preset::Preset;

use super::claims::{CLAIMS, check};

/// GitLab CI/CD.
pub static PRESET: Preset = Preset {
    id: "gitlab",
    shared: true,
    iss: Some("https://gitlab.com"),
    audiences: &[],
    algorithms: &[Algorithm::RS256],
    max_age: 3600,
    spend: Spend::Once,
    claims: CLAIMS,
    open_claims: false,
    anchors: &[&["project_id"], &["namespace_id"]],
    refused: &[],
    // A fork's merge request in the parent's pipeline: neither project's policies match.
    require_same: &[("project_id", "job_project_id"), ("namespace_id", "job_namespace_id")],
    everyday: EVERYDAY,
    run: &["project_path", "pipeline_id", "job_id", "pipeline_source", "ref", "sha", "user_login"],
    check,
};

/// What people call the claims.
const EVERYDAY: &[(&str, &str)] = &[
    ("actor", "user_login"),
    ("actor_id", "user_id"),
    ("branch", "ref"),
    ("commit", "sha"),
    ("email", "user_email"),
    ("env", "environment"),
    ("event", "pipeline_source"),
    ("event_name", "pipeline_source"),
    ("group", "namespace_path"),
    ("group_id", "namespace_id"),
    ("groups", "groups_direct"),
    ("id", "project_id"),
    ("namespace", "namespace_path"),
    ("owner", "namespace_path"),
    ("owner_id", "namespace_id"),
    ("path", "project_path"),
    ("project", "project_path"),
    ("protected", "ref_protected"),
    ("repo", "project_path"),
    ("repo_id", "project_id"),
    ("repository", "project_path"),
    ("repository_id", "project_id"),
    ("repository_owner", "namespace_path"),
    ("repository_owner_id", "namespace_id"),
    ("runner", "runner_environment"),
    ("source", "pipeline_source"),
    ("subject", "sub"),
    ("tag", "ref"),
    ("tier", "deployment_tier"),
    ("user", "user_login"),
    ("visibility", "project_visibility"),
];

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::platform::testing::{EXAMPLES, decides, parse, workload};

    const POLICY: &str = "
policy: deploy
issuer: ci
anchor: { project_id: '4711' }
claims: { ref_protected: 'true' }
read: ['db/**']";

    #[test]
    fn the_published_example_is_a_workload() {
        let workload = workload(&PRESET, &parse(EXAMPLES.gitlab)).unwrap();
        assert_eq!(workload.anchors["project_id"], "20");
        assert_eq!(workload.anchors["namespace_id"], "72");
        assert_eq!(workload.run["job_id"], "302");
    }

    #[test]
    fn every_claim_of_the_published_example_can_be_named() {
        // `user_identities` is a list of objects, about a person: nothing to grant by.
        let other = ["jti", "aud", "iss", "nbf", "exp", "iat", "user_identities"];
        for (name, _) in parse(EXAMPLES.gitlab).iter().filter(|(name, _)| !other.contains(name)) {
            assert!(PRESET.claim(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_push_to_a_protected_branch_is_granted() {
        assert!(decides(&PRESET, POLICY, &sample::gitlab()));
        assert!(!decides(&PRESET, POLICY, &sample::gitlab_merge_request()));
    }

    #[test]
    fn a_forks_merge_request_matches_neither_project() {
        let claims = sample::gitlab_fork_merge_request();
        for project in ["4711", "9001"] {
            let policy = format!(
                "policy: a\nissuer: ci\nanchor: {{ project_id: '{project}' }}\nread: ['db/**']"
            );
            assert!(!decides(&PRESET, &policy, &claims), "{project}");
        }
    }

    #[test]
    fn a_boolean_is_text_here() {
        let mut claims = sample::gitlab();
        claims["ref_protected"] = true.into();
        assert!(!decides(&PRESET, POLICY, &claims));
    }

    #[test]
    fn a_token_of_a_person_who_signed_in_is_refused() {
        for name in ["project_id", "job_id"] {
            let mut claims = sample::gitlab();
            claims.as_object_mut().unwrap().remove(name);
            let error = workload(&PRESET, &parse(&claims.to_string())).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("id_tokens"), "{error}");
        }
    }
}
