//! Azure DevOps Pipelines.
//!
//! A job asks its organisation for a token with `System.AccessToken`. The audience is
//! Microsoft's and cannot be chosen, so a token may have been made for somebody else:
//! the preset demands all anchors and a short life.
//! <https://learn.microsoft.com/azure/devops/pipelines/release/azure-rm-endpoint>

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
use crate::platform::{Platform, Supply};
use crate::sample::SampleJob;
use crate::token::IdToken;

/// Azure DevOps Pipelines.
#[derive(Clone, Copy, Debug)]
pub struct Azure;

impl Platform for Azure {
    fn id(&self) -> &'static str {
        "azure-devops"
    }

    fn title(&self) -> &'static str {
        "Azure Pipelines"
    }

    fn sign(&self) -> &'static str {
        "TF_BUILD"
    }

    fn detect(&self, env: &dyn Env) -> bool {
        env.var("TF_BUILD").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn id_token<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Result<IdToken, PlatformError>> {
        runner::id_token(job).boxed()
    }

    fn supply(&self) -> Supply {
        Supply::OnDemand
    }

    fn token_vars(&self) -> &'static [&'static str] {
        &[runner::ACCESS_TOKEN, runner::REQUEST_URI]
    }

    fn preset(&self) -> &'static Preset {
        &preset::PRESET
    }

    fn sample_claims(&self, _: &SampleJob) -> Value {
        sample::azure_devops()
    }
}
