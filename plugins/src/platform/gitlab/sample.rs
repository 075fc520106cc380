//! Claims of GitLab CI/CD jobs that never ran: for dev tokens and tests.
//!
//! Without `iss`, `aud`, `jti` and the times, which belong to one token.

use serde_json::{Value, json};

use crate::sample::{SampleJob, put, put_named, text, with};

/// A push to the protected branch `main` of `acme/payments`.
pub fn gitlab() -> Value {
    json!({
        "sub": "project_path:acme/payments:ref_type:branch:ref:main",
        "namespace_id": "815",
        "namespace_path": "acme",
        "project_id": "4711",
        "project_path": "acme/payments",
        "project_visibility": "private",
        "job_namespace_id": "815",
        "job_namespace_path": "acme",
        "job_project_id": "4711",
        "job_project_path": "acme/payments",
        "user_id": "42",
        "user_login": "ada",
        "user_email": "ada@acme.example",
        "user_access_level": "maintainer",
        "groups_direct": ["acme", "acme/platform"],
        "pipeline_id": "1001",
        "pipeline_source": "push",
        "job_id": "20002",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 7,
        "runner_environment": "self-hosted",
        "sha": "8c2d1f0e5b6a49372810c4d5e6f7a8b9c0d1e2f3",
        "ci_config_ref_uri": "gitlab.com/acme/payments//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "8c2d1f0e5b6a49372810c4d5e6f7a8b9c0d1e2f3",
    })
}

/// A merge request from a branch of the project itself.
pub fn gitlab_merge_request() -> Value {
    with(
        gitlab(),
        &json!({
            "sub": "project_path:acme/payments:ref_type:branch:ref:feature/refunds",
            "pipeline_source": "merge_request_event",
            "ref": "feature/refunds",
            "ref_path": "refs/heads/feature/refunds",
            "ref_protected": "false",
            "ci_config_ref_uri": "gitlab.com/acme/payments//.gitlab-ci.yml@refs/merge-requests/7/head",
        }),
    )
}

/// A fork's merge request whose pipeline a member started in the parent project.
pub fn gitlab_fork_merge_request() -> Value {
    with(
        gitlab_merge_request(),
        &json!({
            "sub": "project_path:mallory/payments:ref_type:branch:ref:patch-1",
            "namespace_id": "666",
            "namespace_path": "mallory",
            "project_id": "9001",
            "project_path": "mallory/payments",
            "ref": "patch-1",
            "ref_path": "refs/heads/patch-1",
        }),
    )
}

/// A job as somebody asks for it; of a ref in full the short name is taken.
pub(super) fn job(asked: &SampleJob) -> Value {
    let mut claims = gitlab();
    let short = asked.git_ref.as_deref().map(|full| {
        let name = full.strip_prefix("refs/heads/").or_else(|| full.strip_prefix("refs/tags/"));
        name.unwrap_or(full).to_owned()
    });
    if let Some(path) = &asked.repository {
        let namespace = path.rsplit_once('/').map_or(path.as_str(), |(namespace, _)| namespace);
        for of in ["", "job_"] {
            let [project, project_id, namespace_path, namespace_id] =
                ["project_path", "project_id", "namespace_path", "namespace_id"]
                    .map(|claim| format!("{of}{claim}"));
            put_named(&mut claims, &project, &project_id, path);
            put_named(&mut claims, &namespace_path, &namespace_id, namespace);
        }
        let config = format!("gitlab.com/{path}//.gitlab-ci.yml@refs/heads/main");
        claims["ci_config_ref_uri"] = json!(config);
    }
    put(
        &mut claims,
        &[
            ("project_id", &asked.repository_id),
            ("job_project_id", &asked.repository_id),
            ("namespace_id", &asked.owner_id),
            ("job_namespace_id", &asked.owner_id),
            ("ref", &short),
            ("pipeline_source", &asked.event),
            ("environment", &asked.environment),
        ],
    );
    claims["sub"] = json!(format!(
        "project_path:{}:ref_type:{}:ref:{}",
        text(&claims, "project_path"),
        text(&claims, "ref_type"),
        text(&claims, "ref")
    ));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_says_what_was_asked_for() {
        let asked = SampleJob {
            repository: Some("acme/shop".to_owned()),
            git_ref: Some("refs/heads/feature".to_owned()),
            ..SampleJob::default()
        };
        let shop = job(&asked);
        assert_eq!(shop["sub"], "project_path:acme/shop:ref_type:branch:ref:feature");
        assert_ne!(shop["project_id"], gitlab()["project_id"], "another project has another id");
        assert_eq!(shop["namespace_id"], gitlab()["namespace_id"], "its group is the same");
    }
}
