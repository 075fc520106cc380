//! The trait that a CI platform is, and the list of them.
//!
//! A runner is recognised by the variables that it sets itself. Order matters where
//! one platform's jobs run on another: a GitLab runner in a Kubernetes pod is GitLab.

pub mod azure;
pub mod generic;
pub mod github;
pub mod gitlab;
pub mod kubernetes;
mod mint;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;

use futures::future::BoxFuture;
use segura_model::preset::Preset;
use serde_json::Value;

use crate::env::Env;
use crate::error::PlatformError;
use crate::job::Job;
use crate::sample::SampleJob;
use crate::token::IdToken;

/// A CI platform, seen from inside a job and from the broker.
pub trait Platform: Send + Sync {
    /// The name in `--platform`, and of the preset: `github`.
    fn id(&self) -> &'static str;

    /// The name that people use: `GitHub Actions`.
    fn title(&self) -> &'static str;

    /// The variable that gives the platform away, for the message that none was found.
    fn sign(&self) -> &'static str;

    /// Whether this is a job of the platform.
    fn detect(&self, env: &dyn Env) -> bool;

    /// Get the job's identity token.
    fn id_token<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Result<IdToken, PlatformError>>;

    /// How many tokens a job can have.
    fn supply(&self) -> Supply;

    /// The variables by which a job proves who it is; a child gets none of them.
    fn token_vars(&self) -> &'static [&'static str];

    /// Where a session is kept for later calls of the same job, on a platform whose
    /// jobs have one token ([`Supply::OnePerJob`]).
    fn session_place(&self, _: &dyn Env) -> Option<SessionPlace> {
        None
    }

    /// What the broker may believe of the platform's tokens.
    fn preset(&self) -> &'static Preset;

    /// The claims of a job that never ran, for `segura dev token`: the platform's usual
    /// ones, but for what is asked.
    fn sample_claims(&self, asked: &SampleJob) -> Value;
}

/// How many identity tokens a job can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// A new one whenever it asks.
    OnDemand,
    /// One for the whole job; once spent there is no other.
    OnePerJob,
    /// One that lies ready and that somebody else replaces from time to time.
    Standing,
}

/// Where a job can keep its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPlace {
    /// Folders to try, the one that only this job's project uses first.
    pub folders: Vec<PathBuf>,
    /// What tells this job from every other on the same machine: letters, digits, `-`.
    pub job: String,
}

/// The platforms, in the order in which they are looked for.
pub static PLATFORMS: [&dyn Platform; 4] =
    [&github::GitHub, &gitlab::GitLab, &azure::Azure, &kubernetes::Kubernetes];

/// The variables of all platforms by which a job proves who it is.
pub fn token_vars() -> impl Iterator<Item = &'static str> {
    PLATFORMS.iter().flat_map(|platform| platform.token_vars()).copied()
}

/// The preset with this id.
pub fn preset(id: &str) -> Option<&'static Preset> {
    presets().find(|preset| preset.id == id)
}

/// All presets: each platform's, and the one for any other OpenID issuer.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    PLATFORMS.iter().map(|platform| platform.preset()).chain([&generic::preset::PRESET])
}

/// The platform with this id.
pub(crate) fn by_id(id: &str) -> Result<&'static dyn Platform, PlatformError> {
    PLATFORMS.iter().copied().find(|platform| platform.id() == id).ok_or_else(|| {
        let known: Vec<_> = PLATFORMS.iter().map(|platform| platform.id()).collect();
        PlatformError::Unknown { presented: id.chars().take(40).collect(), known: known.join(", ") }
    })
}

/// The platform that this job runs on.
pub(crate) fn detect(env: &dyn Env) -> Option<&'static dyn Platform> {
    PLATFORMS.iter().copied().find(|platform| platform.detect(env))
}

#[cfg(test)]
mod tests {
    use segura_model::Timestamp;
    use segura_model::policy::{PolicyDraft, TrustPolicy};

    use super::testing::entry;
    use super::*;
    use crate::env::MapEnv;

    #[test]
    fn every_platform_is_known_by_the_id_of_its_preset() {
        for platform in PLATFORMS {
            assert_eq!(platform.id(), platform.preset().id);
            assert!(preset(platform.id()).is_some());
        }
    }

    #[test]
    fn an_everyday_word_finds_its_claim() {
        for preset in presets() {
            for (word, claim) in preset.everyday {
                assert!(preset.claims.iter().any(|spec| spec.name == *claim), "{claim}");
                assert!(preset.claim(word).is_none(), "{}: `{word}` is a claim", preset.id);
                assert_eq!(preset.meant(word), Some(*claim));
            }
        }
        let github = preset("github").unwrap();
        for (word, meant) in [
            ("repo", Some("repository")),
            ("Branch", Some("ref")),
            ("repo-id", Some("repository_id")),
            ("repo_propery", None),
            ("repo_property", Some("repo_property_*")),
            ("enviroment", Some("environment")),
            ("colour", None),
        ] {
            assert_eq!(github.meant(word), meant, "{word}");
        }
    }

    #[test]
    fn the_reference_lists_every_claim() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/policy.md");
        let page = std::fs::read_to_string(path).unwrap();
        for preset in presets() {
            let begin = format!("| `{}` | claims: ", preset.id);
            let row = page.lines().find_map(|line| line.strip_prefix(&begin));
            let row = row.unwrap_or_else(|| panic!("no row `{begin}` in {path}"));
            let listed: Vec<&str> = row.trim_end_matches(" |").split(", ").collect();
            let known: Vec<String> =
                preset.claims.iter().map(|spec| format!("`{}`", spec.name)).collect();
            assert_eq!(listed, known, "{}", preset.id);
        }
    }

    #[test]
    fn the_guides_policies_say_where_a_job_runs() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/how-to");
        let guides =
            [("github.md", "github"), ("gitlab.md", "gitlab"), ("run-a-broker.md", "github")];
        for (guide, preset_id) in guides {
            let page = std::fs::read_to_string(format!("{docs}/{guide}")).unwrap();
            let begin = page.find("policy: payments-deploy").unwrap();
            let end = begin + page[begin..].find("read: [\"db/prod/*\"]").unwrap();
            let text = format!("{}read: [a]", &page[begin..end]);
            let mut draft = PolicyDraft::parse_documents(&text).unwrap().remove(0);
            let preset = preset(preset_id).unwrap();
            let entry = entry(preset);
            draft.issuer = entry.id.clone();
            let policy = TrustPolicy::compile(draft, &entry, preset).unwrap();
            let warnings = format!("{:?}", policy.lint(Timestamp(20)));
            assert!(!warnings.contains("any-runner"), "{guide}: {warnings}");
        }
    }

    #[test]
    fn a_gitlab_job_in_a_kubernetes_pod_is_gitlab() {
        let env = MapEnv::new([("GITLAB_CI", "true"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
        assert_eq!(detect(&env).unwrap().id(), "gitlab");
    }

    #[test]
    fn nothing_is_recognised_on_a_developers_machine() {
        assert!(detect(&MapEnv::new([("HOME", "/home/ada"), ("CI", "")])).is_none());
    }
}
