//! The floor's three routes, at the broker's addresses and with answers of the same shape.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Form, Json, Path, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segura_model::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::crypt::Sealer;
use crate::token::{Claims, Verifier};
use crate::writer::{Row, Writer};

/// What every request shares.
pub(crate) struct State {
    verifier: Verifier,
    writer: Writer,
    sealer: Sealer,
    policies: HashMap<String, &'static str>,
    secrets: HashMap<String, Vec<u8>>,
}

impl State {
    /// With one policy and the secrets that the jobs ask for.
    pub(crate) fn new(verifier: Verifier, writer: Writer) -> Self {
        let sealer = Sealer::new();
        let secrets = (0..10)
            .map(|number| (format!("db/prod/password-{number}"), sealer.seal(VALUE.as_bytes())))
            .collect();
        let policies = HashMap::from([("456789".to_owned(), "db/prod/")]);
        Self { verifier, writer, sealer, policies, secrets }
    }

    /// The signature, the times and the policy: who may read what.
    fn admit(&self, token: &str) -> Result<(Session, String), StatusCode> {
        let (claims, text) = self.verifier.verify(token).ok_or(StatusCode::FORBIDDEN)?;
        let Claims { sub: subject, repository_id, .. } = claims;
        let read = self.policies.get(&repository_id).ok_or(StatusCode::FORBIDDEN)?;
        let expires_at = SystemClock.now().0 + LIFE;
        Ok((Session { subject, expires_at, read: (*read).to_owned() }, text))
    }

    fn session(&self, request: &HttpRequest) -> Option<Session> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let sealed = URL_SAFE_NO_PAD.decode(header.strip_prefix("Bearer ")?).ok()?;
        let session: Session = serde_json::from_slice(&self.sealer.open(sealed)?).ok()?;
        (session.expires_at > SystemClock.now().0).then_some(session)
    }

    fn seal(&self, session: &Session) -> String {
        let plain = serde_json::to_vec(session).expect("a session is JSON");
        URL_SAFE_NO_PAD.encode(self.sealer.seal(&plain))
    }

    fn open(&self, session: &Session, path: &str) -> Result<String, StatusCode> {
        if !path.starts_with(&session.read) {
            return Err(StatusCode::FORBIDDEN);
        }
        let sealed = self.secrets.get(path).ok_or(StatusCode::NOT_FOUND)?;
        let plain = self.sealer.open(sealed.clone()).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        String::from_utf8(plain).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }

    async fn record(
        &self,
        event: &'static str,
        subject: &str,
        body: String,
    ) -> Result<i64, StatusCode> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, body.as_bytes()).as_ref());
        let (at, subject) = (SystemClock.now().0, subject.to_owned());
        let row = Row { at, event, subject, body, digest: hash };
        self.writer.write(row).await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The routes.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .route("/healthz", get().to(HttpResponse::Ok))
        .route("/oauth2/token", post().to(exchange))
        .route("/api/v2/deliveries", post().to(deliver))
        .route("/api/v2/a2a/secrets/{path:.*}", get().to(read));
}

/// What a session token says.
#[derive(Deserialize, Serialize)]
struct Session {
    subject: String,
    expires_at: i64,
    read: String,
}

#[derive(Deserialize)]
struct Exchange {
    subject_token: String,
}

async fn exchange(state: Data<State>, form: Form<Exchange>) -> HttpResponse {
    answer(exchanged(&state, &form.subject_token).await)
}

async fn exchanged(state: &State, token: &str) -> Result<serde_json::Value, StatusCode> {
    let (session, body) = state.admit(token)?;
    let sealed = state.seal(&session);
    state.record("exchange", &session.subject, body).await?;
    Ok(json!({
        "access_token": sealed,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": LIFE,
    }))
}

#[derive(Deserialize)]
struct Delivery {
    token: String,
    secrets: Vec<String>,
}

async fn deliver(state: Data<State>, delivery: Json<Delivery>) -> HttpResponse {
    answer(delivered(&state, &delivery).await)
}

async fn delivered(state: &State, delivery: &Delivery) -> Result<serde_json::Value, StatusCode> {
    let (session, body) = state.admit(&delivery.token)?;
    let mut secrets = Vec::with_capacity(delivery.secrets.len());
    for path in &delivery.secrets {
        secrets.push(json!({ "path": path, "value": state.open(&session, path)? }));
    }
    let sealed = state.seal(&session);
    let receipt = state.record("delivery", &session.subject, body).await?;
    Ok(json!({
        "session": { "token": sealed, "expires_at": session.expires_at },
        "secrets": secrets,
        "receipt": receipt,
    }))
}

async fn read(state: Data<State>, path: Path<String>, request: HttpRequest) -> HttpResponse {
    answer(opened(&state, path.into_inner(), &request).await)
}

async fn opened(
    state: &State,
    path: String,
    request: &HttpRequest,
) -> Result<serde_json::Value, StatusCode> {
    let session = state.session(request).ok_or(StatusCode::UNAUTHORIZED)?;
    let value = state.open(&session, &path)?;
    let body = json!({ "path": path, "version": 1, "session": session }).to_string();
    state.record("read", &session.subject, body).await?;
    Ok(json!({ "path": path, "version": 1, "fields": { "value": value } }))
}

fn answer(result: Result<serde_json::Value, StatusCode>) -> HttpResponse {
    match result {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(status) => HttpResponse::new(status),
    }
}

/// Of a session, in seconds.
const LIFE: i64 = 900;
const VALUE: &str = "correct horse battery staple";
