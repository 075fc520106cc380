//! A job that a dev token speaks for, and the claims its platform would give it.

use segura_model::Timestamp;
use segura_plugins::sample;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How long a dev token lives, in seconds: GitHub's five minutes.
const LIFETIME: i64 = 300;

/// What a person says about the job; the rest comes from the platform's example.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The platform: one of [`super::PLATFORMS`].
    pub like: String,
    /// The audience; left out, the broker's, or the platform's where it has but one.
    pub audience: Option<String>,
    /// Repository (GitHub, Azure DevOps) or project path (GitLab).
    pub repository: Option<String>,
    /// The immutable id of the repository or project.
    pub repository_id: Option<String>,
    /// The immutable id of the owner or namespace.
    pub owner_id: Option<String>,
    /// The git ref, `refs/heads/main`; on GitLab the branch's or tag's short name will do.
    pub git_ref: Option<String>,
    /// The event that started the job (GitHub `event_name`, GitLab `pipeline_source`).
    pub event: Option<String>,
    /// The deployment environment.
    pub environment: Option<String>,
    /// Any claims, which win over everything above; `null` removes one.
    pub claims: Map<String, Value>,
}

impl Job {
    /// The token's claims.
    pub fn claims(&self, iss: &str, audience: &str, now: Timestamp, jti: &str) -> Value {
        let mut claims = match self.like.as_str() {
            "azure-devops" => sample::azure_devops(),
            "gitlab" => self.gitlab(),
            "kubernetes" => sample::kubernetes(),
            _ => self.github(),
        };
        for (name, value) in [
            ("iss", json!(iss)),
            ("aud", json!(self.audience.as_deref().unwrap_or(audience))),
            ("jti", json!(jti)),
            ("iat", json!(now.0)),
            ("nbf", json!(now.0)),
            ("exp", json!(now.0 + LIFETIME)),
        ] {
            claims[name] = value;
        }
        for (name, value) in &self.claims {
            set(&mut claims, name, value.clone());
        }
        claims
    }

    fn github(&self) -> Value {
        let mut claims = sample::github();
        if let Some(repository) = &self.repository {
            let owner = repository.split('/').next().unwrap_or_default();
            claims["repository"] = json!(repository);
            claims["repository_owner"] = json!(owner);
            let workflow = format!("{repository}/.github/workflows/deploy.yml@refs/heads/main");
            claims["workflow_ref"] = json!(workflow);
            claims["job_workflow_ref"] = json!(workflow);
        }
        put(
            &mut claims,
            &[
                ("repository_id", &self.repository_id),
                ("repository_owner_id", &self.owner_id),
                ("ref", &self.git_ref),
                ("event_name", &self.event),
                ("environment", &self.environment),
            ],
        );
        // The default template: the environment if there is one, else the ref.
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        let context = match (&self.environment, text("event_name").as_str()) {
            (Some(environment), _) => format!("environment:{environment}"),
            (None, "pull_request") => "pull_request".to_owned(),
            (None, _) => format!("ref:{}", text("ref")),
        };
        claims["sub"] = json!(format!("repo:{}:{context}", text("repository")));
        claims
    }

    fn gitlab(&self) -> Value {
        let mut claims = sample::gitlab();
        let short = self.git_ref.as_deref().map(|git_ref| {
            let name =
                git_ref.strip_prefix("refs/heads/").or_else(|| git_ref.strip_prefix("refs/tags/"));
            name.unwrap_or(git_ref).to_owned()
        });
        put(
            &mut claims,
            &[
                ("project_path", &self.repository),
                ("project_id", &self.repository_id),
                ("namespace_id", &self.owner_id),
                ("ref", &short),
                ("pipeline_source", &self.event),
                ("environment", &self.environment),
            ],
        );
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        claims["sub"] = json!(format!(
            "project_path:{}:ref_type:{}:ref:{}",
            text("project_path"),
            text("ref_type"),
            text("ref")
        ));
        claims
    }
}

/// Put the values that are there.
fn put(claims: &mut Value, values: &[(&str, &Option<String>)]) {
    for (name, value) in values {
        if let Some(value) = value {
            claims[*name] = json!(value);
        }
    }
}

fn set(claims: &mut Value, name: &str, value: Value) {
    let Some(claims) = claims.as_object_mut() else { return };
    if value.is_null() {
        claims.remove(name);
    } else {
        claims.insert(name.to_owned(), value);
    }
}
