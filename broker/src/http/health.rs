//! `/healthz` says that the process lives, `/readyz` how well it can serve.
//!
//! A warning does not take a node out of service: an operator can only free a disk or
//! renew a certificate on a node that still answers.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig, get};
use segura_model::api::{ReadyAnswer, ReadyCheck, ReadyState};
use segura_model::{Clock, Timestamp};
use segura_store::Store;
use segura_vault::authority::WARNING_SECONDS;

use super::phase::{Phase, PhaseReceiver};
use crate::jobs::DiskGuard;
use crate::oidc::{IssuerSet, KeyStatus, Verifier};
use crate::tls::Certificates;

/// What the checks look at.
pub struct Health {
    /// The database.
    pub store: Store,
    /// Today's issuer entries.
    pub issuers: Box<dyn Fn() -> Arc<IssuerSet> + Send + Sync>,
    /// Their keys.
    pub verifier: Arc<Verifier>,
    /// The certificate that is shown; `None` without TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// Free disk.
    pub disk: Arc<DiskGuard>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether the server stops.
    pub phase: PhaseReceiver,
}

/// What the checks saw.
pub struct Snapshot {
    /// `/readyz`.
    pub answer: ReadyAnswer,
    /// Each issuer's keys.
    pub keys: Vec<KeyStatus>,
    /// When the certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// Bytes.
    pub disk_free: u64,
}

impl Health {
    /// Look at everything.
    pub async fn look(&self) -> Snapshot {
        let issuers = (self.issuers)();
        let keys = self.verifier.key_status(&issuers);
        let certificate_ends = self.certificates.as_ref().map(|shown| shown.validity().not_after);
        let mut checks = vec![
            self.database().await,
            // The keyring is open, or the server would not have started.
            check("keyring", ReadyState::Ready, None),
            self.disk(),
        ];
        checks.extend(self.stopping());
        checks.extend(certificate_ends.map(|ends| self.certificate(ends)));
        checks.extend(keys.iter().map(|status| {
            let plain = issuers.by_id(&status.issuer).is_some_and(|e| e.iss.is_loopback_http());
            issuer(status, plain)
        }));
        let state = checks.iter().map(|check| check.state).max().unwrap_or(ReadyState::Ready);
        let answer = ReadyAnswer { state, checks };
        Snapshot { answer, keys, certificate_ends, disk_free: self.disk.free() }
    }

    async fn database(&self) -> ReadyCheck {
        match self.store.ping().await {
            Ok(()) => check("database", ReadyState::Ready, None),
            Err(error) => {
                // The chain may name hosts and users: the log has it, the answer does not.
                tracing::warn!(error = %crate::telemetry::Chain(&error), "the database does not answer");
                let detail = "the database does not answer; the server's log says why".to_owned();
                check("database", ReadyState::Down, Some(detail))
            }
        }
    }

    /// A node that stops is no longer to be sent anything: a balancer moves on.
    fn stopping(&self) -> Option<ReadyCheck> {
        let is_leaving = *self.phase.borrow() != Phase::Serving;
        let detail = || Some("the server is stopping".to_owned());
        is_leaving.then(|| check("server", ReadyState::Down, detail()))
    }

    fn disk(&self) -> ReadyCheck {
        match self.disk.check() {
            Ok(()) => check("disk", ReadyState::Ready, None),
            Err(low) => check("disk", ReadyState::Warning, Some(low.to_string())),
        }
    }

    fn certificate(&self, ends: Timestamp) -> ReadyCheck {
        let left = ends.since(self.clock.now());
        match left {
            ..0 => check("certificate", ReadyState::Down, Some(format!("it ended at {ends}"))),
            0..WARNING_SECONDS => {
                check("certificate", ReadyState::Warning, Some(format!("it ends at {ends}")))
            }
            _ => check("certificate", ReadyState::Ready, None),
        }
    }
}

/// Register `/healthz` and `/readyz`.
pub fn configure(config: &mut ServiceConfig) {
    config.route("/healthz", get().to(alive)).route("/readyz", get().to(ready));
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(r#"{"alive":true}"#)
}

async fn ready(health: Data<Health>) -> (Json<ReadyAnswer>, actix_web::http::StatusCode) {
    let answer = health.look().await.answer;
    let status = match answer.state {
        ReadyState::Ready | ReadyState::Warning => actix_web::http::StatusCode::OK,
        ReadyState::Down => actix_web::http::StatusCode::SERVICE_UNAVAILABLE,
    };
    (Json(answer), status)
}

fn issuer(status: &KeyStatus, plain: bool) -> ReadyCheck {
    let name = format!("issuer {}", status.issuer);
    let (state, detail) = match (status.age, &status.last_error) {
        (None, Some(_)) => (
            ReadyState::Warning,
            Some("its keys could not be fetched; the server's log says why".to_owned()),
        ),
        (Some(age), Some(_)) => (
            ReadyState::Warning,
            Some(format!("its keys are {age} s old and could not be refreshed")),
        ),
        (_, None) if plain => (
            ReadyState::Warning,
            Some("it is trusted over plain http on this machine (`insecure_loopback`)".to_owned()),
        ),
        (_, None) => (ReadyState::Ready, None),
    };
    check(&name, state, detail)
}

fn check(name: &str, state: ReadyState, detail: Option<String>) -> ReadyCheck {
    ReadyCheck { name: name.to_owned(), state, detail }
}
