//! GitHub Actions: github.com, ghe.com and Enterprise Server.
//!
//! A job may ask for as many tokens as it wants, each for one audience and good for
//! five minutes, if its YAML says `permissions: id-token: write`.
//! <https://docs.github.com/actions/reference/security/oidc>

pub mod claims;
pub mod export;
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
use crate::platform::{Platform, Supply};
use crate::sample::SampleJob;
use crate::token::IdToken;

/// GitHub Actions.
#[derive(Clone, Copy, Debug)]
pub struct GitHub;

impl Platform for GitHub {
    fn id(&self) -> &'static str {
        "github"
    }

    fn title(&self) -> &'static str {
        "GitHub Actions"
    }

    fn sign(&self) -> &'static str {
        "GITHUB_ACTIONS"
    }

    fn detect(&self, env: &dyn Env) -> bool {
        env.var("GITHUB_ACTIONS").as_deref() == Some("true")
    }

    fn id_token<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Result<IdToken, PlatformError>> {
        runner::id_token(job).boxed()
    }

    fn supply(&self) -> Supply {
        Supply::OnDemand
    }

    fn token_vars(&self) -> &'static [&'static str] {
        &[runner::REQUEST_URL, runner::REQUEST_TOKEN]
    }

    fn preset(&self) -> &'static Preset {
        &preset::PRESET
    }

    fn sample_claims(&self, asked: &SampleJob) -> Value {
        sample::job(asked)
    }
}
