//! Claims of jobs that never ran, shaped like each platform's.
//!
//! For `segura dev token` and for tests. They lack `iss`, `aud`, `jti`, `iat`, `nbf`
//! and `exp`: whoever signs a token adds those.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use crate::platform::azure::sample::azure_devops;
pub use crate::platform::generic::sample::oidc;
pub use crate::platform::github::sample::{
    github, github_environment, github_fork, github_immutable_subject, github_pull_request,
    github_pull_request_target,
};
pub use crate::platform::gitlab::sample::{
    gitlab, gitlab_fork_merge_request, gitlab_merge_request,
};
pub use crate::platform::kubernetes::sample::kubernetes;

/// The names that [`sample_claims`] knows.
pub const NAMES: &[&str] = &[
    "azure-devops",
    "github",
    "github-environment",
    "github-fork",
    "github-immutable-subject",
    "github-pull-request",
    "github-pull-request-target",
    "gitlab",
    "gitlab-fork-merge-request",
    "gitlab-merge-request",
    "kubernetes",
];

/// The claims of the sample called `name`, one of [`NAMES`].
pub fn sample_claims(name: &str) -> Option<Value> {
    Some(match name {
        "azure-devops" => azure_devops(),
        "github" => github(),
        "github-environment" => github_environment(),
        "github-fork" => github_fork(),
        "github-immutable-subject" => github_immutable_subject(),
        "github-pull-request" => github_pull_request(),
        "github-pull-request-target" => github_pull_request_target(),
        "gitlab" => gitlab(),
        "gitlab-fork-merge-request" => gitlab_fork_merge_request(),
        "gitlab-merge-request" => gitlab_merge_request(),
        "kubernetes" => kubernetes(),
        _ => return None,
    })
}

/// What somebody asks of a job that never ran; each platform has its own claims for it, and
/// none for some.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SampleJob {
    /// Repository, or project path.
    pub repository: Option<String>,
    /// The immutable id of the repository or project.
    pub repository_id: Option<String>,
    /// The immutable id of the owner or namespace.
    pub owner_id: Option<String>,
    /// The git ref, `refs/heads/main`.
    pub git_ref: Option<String>,
    /// The event that started the job.
    pub event: Option<String>,
    /// The deployment environment.
    pub environment: Option<String>,
}

/// Put the values that are asked for.
pub(crate) fn put(claims: &mut Value, asked: &[(&str, &Option<String>)]) {
    for (name, value) in asked {
        if let Some(value) = value {
            claims[*name] = json!(value);
        }
    }
}

/// The immutable id of what has this name, in a world where nobody gives ids out: always the
/// same, and for another name another. Platforms know a name in any case.
pub(crate) fn id_of(name: &str) -> String {
    // FNV-1a: nothing hangs on it, and it is the same in every release.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    (100_000_000 + hash % 900_000_000).to_string()
}

/// Say of whom a job is; who is called otherwise than in the sample is somebody else, and has
/// other ids.
pub(crate) fn put_named(claims: &mut Value, name_claim: &str, id_claim: &str, name: &str) {
    if !text(claims, name_claim).eq_ignore_ascii_case(name) {
        claims[id_claim] = json!(id_of(name));
    }
    claims[name_claim] = json!(name);
}

/// A claim that is text.
pub(crate) fn text<'c>(claims: &'c Value, name: &str) -> &'c str {
    claims[name].as_str().unwrap_or_default()
}

/// A sample that differs from another in these members.
pub(crate) fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name.as_str()] = value.clone();
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::PLATFORMS;
    use crate::platform::testing::{parse, workload};
    use crate::preset;

    #[test]
    fn a_job_of_which_nothing_is_asked_is_the_platforms_sample() {
        for platform in PLATFORMS {
            let usual = platform.sample_claims(&SampleJob::default());
            assert_eq!(Some(usual), sample_claims(platform.id()), "{}", platform.id());
        }
    }

    #[test]
    fn every_sample_is_a_workload_of_its_platform() {
        for name in NAMES {
            let claims = sample_claims(name).unwrap();
            let platform = preset(name)
                .or_else(|| preset(name.split('-').next().unwrap()))
                .unwrap_or_else(|| panic!("{name} belongs to no preset"));
            let workload = workload(platform, &parse(&claims.to_string())).unwrap();
            assert!(!workload.anchors.is_empty(), "{name}");
            assert!(!workload.run.is_empty(), "{name}");
        }
        assert_eq!(sample_claims("jenkins"), None);
    }

    #[test]
    fn a_sample_leaves_issuer_audience_and_times_to_the_signer() {
        for name in NAMES {
            let claims = sample_claims(name).unwrap();
            for missing in ["iss", "aud", "jti", "iat", "nbf", "exp"] {
                assert!(claims.get(missing).is_none(), "{name} {missing}");
            }
        }
    }
}
