//! One issuer a platform, all on one loopback port, told apart by their path.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::web::{Data, Json, Path, get};
use actix_web::{App, HttpServer};
use segura_model::{Algorithm, Preset, Timestamp};
use segura_plugins::platform::PLATFORMS;
use serde_json::{Value, json};

use super::job::Job;
use super::keys::SigningKey;

/// The member of discovery documents and key sets by which `segura server` knows a dev
/// issuer.
pub const DEV_MARK: &str = "segura_dev";

/// The issuers of one world: one key signs for all.
pub(super) struct Issuers {
    base: String,
    broker: String,
    key: SigningKey,
}

impl Issuers {
    /// Issuers below `http://127.0.0.1:PORT`.
    pub(super) fn make(port: u16, broker: &str) -> Self {
        let key = SigningKey::make(Algorithm::RS256, "dev");
        Self { base: format!("http://127.0.0.1:{port}"), broker: broker.to_owned(), key }
    }

    /// The audience of a platform's tokens when nothing else is asked for: what the
    /// platform always says, or this world's broker.
    pub(super) fn audience(&self, preset: &Preset) -> &str {
        preset.audiences.first().copied().unwrap_or(&self.broker)
    }

    /// The `iss` of a platform's tokens.
    pub(super) fn iss(&self, platform: &str) -> String {
        format!("{}/{platform}", self.base)
    }

    /// A signed token of this job; `None` if it is like no platform that there is.
    pub(super) fn token(&self, job: &Job, now: Timestamp, jti: &str) -> Option<String> {
        let platform = *PLATFORMS.iter().find(|platform| platform.id() == job.like)?;
        let (iss, audience) = (self.iss(platform.id()), self.audience(platform.preset()));
        Some(self.key.sign(&job.claims(platform, &iss, audience, now, jti)))
    }

    fn discovery(&self, platform: &str) -> Value {
        let iss = self.iss(platform);
        json!({
            "issuer": iss,
            "jwks_uri": format!("{iss}/jwks"),
            "id_token_signing_alg_values_supported": [self.key.algorithm()],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            DEV_MARK: true,
        })
    }

    /// The key set bears the mark too: an entry with `jwks_uri` or `jwks_file` never sees
    /// the other document.
    fn key_set(&self) -> Value {
        json!({ "keys": [self.key.jwk()], DEV_MARK: true })
    }
}

/// Serve discovery and keys until stopped.
pub(super) fn serve(listener: TcpListener, issuers: Data<Issuers>) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(issuers.clone())
            .route("/{platform}/.well-known/openid-configuration", get().to(discovery))
            .route("/{platform}/jwks", get().to(jwks))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn discovery(issuers: Data<Issuers>, platform: Path<String>) -> Json<Value> {
    Json(issuers.discovery(&platform))
}

async fn jwks(issuers: Data<Issuers>) -> Json<Value> {
    Json(issuers.key_set())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_of_a_dev_issuer_bears_the_mark() {
        let issuers = Issuers::make(1, "https://127.0.0.1:2");
        for document in [issuers.discovery("github"), issuers.key_set()] {
            assert_eq!(document[DEV_MARK], true, "{document}");
        }
    }
}
