//! Claims of a job of any OpenID issuer: for dev tokens and tests.

use serde_json::{Value, json};

/// A job that its issuer calls `subject`.
pub fn oidc(subject: &str) -> Value {
    json!({ "sub": subject })
}
