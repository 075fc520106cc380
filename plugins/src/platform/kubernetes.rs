//! Kubernetes service accounts, which are Tekton's and Argo's identity too.
//!
//! The token is a file that the kubelet projects into the pod and renews, for an
//! audience that the pod's YAML names. The service account's own token at the usual
//! place is for the cluster's API server and is never sent to a broker.
//! <https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/>

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

/// Kubernetes.
#[derive(Clone, Copy, Debug)]
pub struct Kubernetes;

impl Platform for Kubernetes {
    fn id(&self) -> &'static str {
        "kubernetes"
    }

    fn title(&self) -> &'static str {
        "Kubernetes"
    }

    fn sign(&self) -> &'static str {
        "KUBERNETES_SERVICE_HOST"
    }

    fn detect(&self, env: &dyn Env) -> bool {
        env.filled("KUBERNETES_SERVICE_HOST").is_some()
    }

    fn id_token<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Result<IdToken, PlatformError>> {
        async { runner::id_token(job.files) }.boxed()
    }

    fn supply(&self) -> Supply {
        Supply::Standing
    }

    fn token_vars(&self) -> &'static [&'static str] {
        &[]
    }

    fn preset(&self) -> &'static Preset {
        &preset::PRESET
    }

    fn sample_claims(&self, _: &SampleJob) -> Value {
        sample::kubernetes()
    }
}
