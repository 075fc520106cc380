//! GitLab CI/CD: gitlab.com, self-managed and Dedicated.
//!
//! A job gets a token only if its YAML asks for one under `id_tokens:`, in a variable
//! that it names; ours is `SEGURA_ID_TOKEN`. There is one for the whole job, so the
//! session that it bought is kept for the job's later calls.
//! <https://docs.gitlab.com/ci/secrets/id_token_authentication/>

pub mod claims;
pub mod preset;
mod runner;
pub mod sample;

use futures::FutureExt;
use futures::future::BoxFuture;
use segura_model::preset::Preset;
use serde_json::Value;

use crate::env::Env;
use crate::error::PlatformError;
use crate::job::Job;
use crate::platform::{Platform, SessionPlace, Supply};
use crate::sample::SampleJob;
use crate::token::IdToken;

/// GitLab CI/CD.
#[derive(Clone, Copy, Debug)]
pub struct GitLab;

impl Platform for GitLab {
    fn id(&self) -> &'static str {
        "gitlab"
    }

    fn title(&self) -> &'static str {
        "GitLab CI/CD"
    }

    fn sign(&self) -> &'static str {
        "GITLAB_CI"
    }

    fn detect(&self, env: &dyn Env) -> bool {
        // gitlab-ci-local, which runs pipelines on a developer's machine, says "false".
        matches!(env.var("GITLAB_CI").as_deref(), Some("true" | "false"))
    }

    fn id_token<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Result<IdToken, PlatformError>> {
        async { runner::id_token(job.env) }.boxed()
    }

    fn supply(&self) -> Supply {
        Supply::OnePerJob
    }

    fn token_vars(&self) -> &'static [&'static str] {
        &[runner::ID_TOKEN]
    }

    fn session_place(&self, env: &dyn Env) -> Option<SessionPlace> {
        runner::session_place(env)
    }

    fn preset(&self) -> &'static Preset {
        &preset::PRESET
    }

    fn sample_claims(&self, asked: &SampleJob) -> Value {
        sample::job(asked)
    }
}
