//! A job that a dev token speaks for: its platform's claims, and those of one token.

use segura_model::Timestamp;
use segura_plugins::platform::Platform;
use segura_plugins::sample::SampleJob;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How long a dev token lives, in seconds: GitHub's five minutes.
const LIFETIME: i64 = 300;

/// What a person says about the job; the rest comes from the platform's example.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The id of the platform.
    pub like: String,
    /// The audience; left out, the broker's, or the platform's where it has but one.
    pub audience: Option<String>,
    /// What the platform has claims of its own for.
    pub asked: SampleJob,
    /// Any claims, which win over everything above; `null` removes one.
    pub claims: Map<String, Value>,
}

impl Job {
    /// The token's claims, on the platform that the job is like.
    pub(super) fn claims(
        &self,
        platform: &dyn Platform,
        iss: &str,
        audience: &str,
        now: Timestamp,
        jti: &str,
    ) -> Value {
        let mut claims = platform.sample_claims(&self.asked);
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
}

fn set(claims: &mut Value, name: &str, value: Value) {
    let Some(claims) = claims.as_object_mut() else { return };
    if value.is_null() {
        claims.remove(name);
    } else {
        claims.insert(name.to_owned(), value);
    }
}
