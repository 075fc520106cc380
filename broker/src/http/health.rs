//! `/healthz` says that the process lives, `/readyz` how well it can serve.
//!
//! A warning does not take a node out of service: an operator can only free a disk or
//! renew a certificate on a node that still answers. Load balancers and strangers read
//! states; which issuers are trusted, and what is wrong, is for operators, the log and
//! `/metrics`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Json, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse};
use segura_model::api::{ReadyAnswer, ReadyCheck, ReadyState};
use segura_model::{Clock, Timestamp};
use segura_store::{RefusedRow, Store};
use segura_vault::authority::WARNING_SECONDS;
use tokio::sync::Mutex;

use super::error::ApiError;
use super::extract::Bearer;
use super::phase::{Phase, PhaseReceiver};
use super::refused::refused;
use super::request::{move_to_jobs, note_caller};
use crate::app::App;
use crate::jobs::{DiskGuard, Faults};
use crate::oidc::{IssuerSet, KeyStatus, Verifier};
use crate::service::Origin;
use crate::service::access::Permission;
use crate::service::operators::OperatorsError;
use crate::tls::Certificates;

/// What the checks look at.
pub struct Health {
    /// The database.
    pub store: Store,
    /// Today's issuer entries.
    pub issuers: Box<dyn Fn() -> Arc<IssuerSet> + Send + Sync>,
    /// Whether the keyring was changed and does not open on this node.
    pub keyring_is_behind: Box<dyn Fn() -> bool + Send + Sync>,
    /// The rows that decide trust and do not check.
    pub refused_rows: Box<dyn Fn() -> Arc<Vec<RefusedRow>> + Send + Sync>,
    /// What runs beside the requests and does not run as it should.
    pub faults: Faults,
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
    /// What the database last said, and when.
    pub asked: Mutex<Option<(Instant, ReadyCheck)>>,
}

/// What the checks saw.
#[derive(Debug)]
pub struct Snapshot {
    /// How the server itself is.
    own: Vec<ReadyCheck>,
    /// How each issuer entry is.
    issuers: Vec<ReadyCheck>,
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
        let mut own = vec![
            self.database().await,
            keyring((self.keyring_is_behind)()),
            trust(&(self.refused_rows)()),
            self.disk(),
            jobs(&self.faults.names()),
        ];
        own.extend(self.stopping());
        own.extend(certificate_ends.map(|ends| self.certificate(ends)));
        let checked = keys.iter().map(|status| {
            let plain = issuers.by_id(&status.issuer).is_some_and(|e| e.iss.is_loopback_http());
            issuer(status, plain)
        });
        let issuers = checked.collect();
        Snapshot { own, issuers, keys, certificate_ends, disk_free: self.disk.free() }
    }

    /// Asked at most once in [`ASK_EVERY`], however many ask us: whoever asks is not known.
    async fn database(&self) -> ReadyCheck {
        let mut asked = self.asked.lock().await;
        match &*asked {
            Some((at, seen)) if at.elapsed() < ASK_EVERY => seen.clone(),
            _ => {
                let seen = self.ask_database().await;
                *asked = Some((Instant::now(), seen.clone()));
                seen
            }
        }
    }

    async fn ask_database(&self) -> ReadyCheck {
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
            Ok(()) if self.disk.is_blind() => {
                let detail = "how much disk is free cannot be seen; the server's log says why";
                check("disk", ReadyState::Warning, Some(detail.to_owned()))
            }
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

impl Snapshot {
    /// Every check.
    pub fn checks(&self) -> impl Iterator<Item = &ReadyCheck> {
        self.own.iter().chain(&self.issuers)
    }

    /// Everything, for an operator.
    fn whole(&self) -> ReadyAnswer {
        answer(self.checks().cloned().collect())
    }

    /// For anyone: how each kind of thing is, and neither which nor why.
    fn brief(&self) -> ReadyAnswer {
        let own = self.own.iter().map(|one| check(&one.name, one.state, None));
        let issuers = self.issuers.iter().map(|one| one.state).max();
        answer(own.chain(issuers.map(|worst| check("issuers", worst, None))).collect())
    }
}

/// Register `/healthz` and `/readyz`.
pub fn configure(config: &mut ServiceConfig) {
    config.route("/healthz", get().to(alive)).route("/readyz", get().to(ready));
}

/// How long the database's answer to one probe is good for the next.
const ASK_EVERY: Duration = Duration::from_millis(250);

async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(r#"{"alive":true}"#)
}

async fn ready(
    request: HttpRequest,
    health: Data<Health>,
    app: Data<App>,
    origin: Origin,
) -> Result<(Json<ReadyAnswer>, StatusCode), ApiError> {
    let is_operator = is_operator(&request, &app, origin).await?;
    let seen = health.look().await;
    let answer = if is_operator { seen.whole() } else { seen.brief() };
    let status = match answer.state {
        ReadyState::Ready | ReadyState::Warning => StatusCode::OK,
        ReadyState::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((Json(answer), status))
}

/// Whether an operator asks. Who presents nothing is anyone; what is presented must be good.
async fn is_operator(request: &HttpRequest, app: &App, origin: Origin) -> Result<bool, ApiError> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(false);
    }
    let Bearer(token) = Bearer::read(request.headers())?;
    let found = match app.operators.recognise(&token).await {
        Ok(Ok(operator)) => Ok(operator),
        Ok(Err(unknown)) => {
            move_to_jobs(request)?;
            app.operators.turn_away(unknown, origin).await
        }
        Err(error) => Err(error.into()),
    };
    let operator = match found {
        Ok(operator) => operator,
        // Without a database nobody is known, and that is what the answer is about to say.
        Err(OperatorsError::Store(_)) => return Ok(false),
        Err(error) => return Err(refused(error)),
    };
    note_caller(request, format_args!("operator {}", operator.name));
    app.operators.demand(&operator, Permission::IssuerRead, origin).await.map_err(refused)?;
    Ok(true)
}

fn answer(checks: Vec<ReadyCheck>) -> ReadyAnswer {
    let state = checks.iter().map(|check| check.state).max().unwrap_or(ReadyState::Ready);
    ReadyAnswer { state, checks }
}

/// A warning and not more: after `keyring rewrap` every node is behind until it is started
/// with the new guard, and serves what it ever did. Nobody can tell that from a roll without
/// opening it.
fn keyring(is_behind: bool) -> ReadyCheck {
    if !is_behind {
        return check("keyring", ReadyState::Ready, None);
    }
    let detail = "the keyring was changed and does not open with this node's guard: name the new \
                  guard in its settings and start it anew; until then what other nodes seal under \
                  newer keys is refused here";
    check("keyring", ReadyState::Warning, Some(detail.to_owned()))
}

/// The rows themselves are named in the log only: `/readyz` is for anyone.
fn trust(refused: &[RefusedRow]) -> ReadyCheck {
    let detail = match refused.len() {
        0 => return check("trust", ReadyState::Ready, None),
        1 => "a row that decides trust was".to_owned(),
        count => format!("{count} rows that decide trust were"),
    };
    let detail = format!(
        "{detail} not written by this broker and counts for nothing; the server's log says which"
    );
    check("trust", ReadyState::Warning, Some(detail))
}

fn jobs(failing: &[&str]) -> ReadyCheck {
    if failing.is_empty() {
        return check("jobs", ReadyState::Ready, None);
    }
    let detail = format!("failed: {}; the server's log says why", failing.join(", "));
    check("jobs", ReadyState::Warning, Some(detail))
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

#[cfg(test)]
mod tests;
