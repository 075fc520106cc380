//! Claims of GitHub Actions jobs that never ran: for dev tokens and tests.
//!
//! Without `iss`, `aud`, `jti` and the times, which belong to one token.

use serde_json::{Value, json};

use crate::sample::{SampleJob, put, put_named, text, with};

/// A push to `main` of `acme/payments`, a repository older than July 2026.
pub fn github() -> Value {
    json!({
        "sub": "repo:acme/payments:ref:refs/heads/main",
        "repository": "acme/payments",
        "repository_id": "456789",
        "repository_owner": "acme",
        "repository_owner_id": "123456",
        "repository_visibility": "private",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "ref_protected": "true",
        "base_ref": "",
        "head_ref": "",
        "sha": "4f1c6a0e7d2b9385c0a1e6f4d7b8293a5c6e0f12",
        "event_name": "push",
        "workflow": "deploy",
        "workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/heads/main",
        "workflow_sha": "4f1c6a0e7d2b9385c0a1e6f4d7b8293a5c6e0f12",
        "job_workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_sha": "4f1c6a0e7d2b9385c0a1e6f4d7b8293a5c6e0f12",
        "actor": "ada",
        "actor_id": "1815",
        "check_run_id": "50412345678",
        "run_id": "17712345678",
        "run_number": "42",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    })
}

/// The same job, had the repository been made after 15 July 2026.
pub fn github_immutable_subject() -> Value {
    with(github(), &json!({ "sub": "repo:acme@123456/payments@456789:ref:refs/heads/main" }))
}

/// The same workflow in a fork: another repository of another owner.
pub fn github_fork() -> Value {
    with(
        github(),
        &json!({
            "sub": "repo:mallory/payments:ref:refs/heads/main",
            "repository": "mallory/payments",
            "repository_id": "999001",
            "repository_owner": "mallory",
            "repository_owner_id": "666",
            "repository_visibility": "public",
            "workflow_ref": "mallory/payments/.github/workflows/deploy.yml@refs/heads/main",
            "job_workflow_ref": "mallory/payments/.github/workflows/deploy.yml@refs/heads/main",
            "actor": "mallory",
            "actor_id": "667",
        }),
    )
}

/// A pull request from a branch of the repository itself.
pub fn github_pull_request() -> Value {
    with(
        github(),
        &json!({
            "sub": "repo:acme/payments:pull_request",
            "ref": "refs/pull/7/merge",
            "ref_protected": "false",
            "base_ref": "main",
            "head_ref": "feature/refunds",
            "event_name": "pull_request",
            "workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/pull/7/merge",
            "job_workflow_ref": "acme/payments/.github/workflows/deploy.yml@refs/pull/7/merge",
        }),
    )
}

/// A stranger's pull request that started a `pull_request_target` workflow: it runs as
/// the default branch, and looks like it.
pub fn github_pull_request_target() -> Value {
    with(
        github(),
        &json!({
            "base_ref": "main",
            "head_ref": "patch-1",
            "event_name": "pull_request_target",
            "actor": "mallory",
            "actor_id": "667",
        }),
    )
}

/// A job that deploys to the environment `prod`.
pub fn github_environment() -> Value {
    with(
        github(),
        &json!({
            "sub": "repo:acme/payments:environment:prod",
            "environment": "prod",
        }),
    )
}

/// A job as somebody asks for it.
pub(super) fn job(asked: &SampleJob) -> Value {
    let mut claims = github();
    if let Some(repository) = &asked.repository {
        let workflow = format!("{repository}/.github/workflows/deploy.yml@refs/heads/main");
        let owner = repository.split('/').next().unwrap_or_default();
        put_named(&mut claims, "repository", "repository_id", repository);
        put_named(&mut claims, "repository_owner", "repository_owner_id", owner);
        claims["workflow_ref"] = json!(workflow);
        claims["job_workflow_ref"] = json!(workflow);
    }
    put(
        &mut claims,
        &[
            ("repository_id", &asked.repository_id),
            ("repository_owner_id", &asked.owner_id),
            ("ref", &asked.git_ref),
            ("event_name", &asked.event),
            ("environment", &asked.environment),
        ],
    );
    // The default template: the environment if there is one, else the ref.
    let context = match (&asked.environment, text(&claims, "event_name")) {
        (Some(environment), _) => format!("environment:{environment}"),
        (None, "pull_request") => "pull_request".to_owned(),
        (None, _) => format!("ref:{}", text(&claims, "ref")),
    };
    claims["sub"] = json!(format!("repo:{}:{context}", text(&claims, "repository")));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_is_another_repository() {
        let ids = |repository: &str| {
            let job =
                job(&SampleJob { repository: Some(repository.into()), ..SampleJob::default() });
            [&job["repository_id"], &job["repository_owner_id"]]
                .map(|id| id.as_str().unwrap().to_owned())
        };
        let (ours, fork, sibling) = (ids("acme/payments"), ids("evil/payments"), ids("acme/shop"));
        assert_eq!(ours, ["456789", "123456"]);
        assert!(fork[0] != ours[0] && fork[1] != ours[1], "{fork:?}");
        assert!(sibling[0] != ours[0] && sibling[1] == ours[1], "{sibling:?}");
        assert_eq!(fork, ids("evil/payments"), "the same each time");
        let said = SampleJob {
            repository: Some("evil/payments".into()),
            repository_id: Some("7".into()),
            ..SampleJob::default()
        };
        assert_eq!(job(&said)["repository_id"], "7");
    }

    #[test]
    fn the_subject_says_what_was_asked_for() {
        let some = |text: &str| Some(text.to_owned());
        let of = |asked: SampleJob| job(&asked)["sub"].as_str().unwrap().to_owned();
        let fork = SampleJob {
            repository: some("mallory/payments"),
            git_ref: some("refs/tags/v1"),
            ..SampleJob::default()
        };
        assert_eq!(job(&fork)["repository_owner"], "mallory");
        assert_eq!(of(fork), "repo:mallory/payments:ref:refs/tags/v1");
        let deploy = SampleJob { environment: some("prod"), ..SampleJob::default() };
        assert_eq!(of(deploy), github_environment()["sub"]);
        let request = SampleJob { event: some("pull_request"), ..SampleJob::default() };
        assert_eq!(of(request), github_pull_request()["sub"]);
    }
}
