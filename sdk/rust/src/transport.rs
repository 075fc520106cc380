//! One request to the broker: sent, repeated where that is safe, read within bounds.
//!
//! Bodies hold tokens and secrets. They are wiped where this crate owns them, and
//! nothing here logs. Redirects are not followed: a token goes to the host it was
//! meant for, or nowhere.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use segura_model::SecretText;
use segura_model::api::{OAuthError, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::error::SdkError;
use crate::options::{ClientOptions, authority, is_loopback, parse_base};
use crate::request_key::TlsRandom;
use crate::retry::{parse_retry_after, pause};

/// Whether a request whose answer was lost may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Yes: it changes nothing, or the same again.
    Always,
    /// Only if it surely never arrived, or the broker said that it did nothing.
    IfUnserved,
}

/// One request, ready to be sent any number of times.
pub(crate) struct Call<'a> {
    method: Method,
    url: Url,
    body: Option<(HeaderValue, Bytes)>,
    token: Option<&'a SecretText>,
    repeat: Repeat,
    limit: usize,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let repeat = if method.is_safe() { Repeat::Always } else { Repeat::IfUnserved };
        Self { method, url, body: None, token: None, repeat, limit: USUAL_LIMIT }
    }

    pub(crate) fn token(mut self, token: &'a SecretText) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    pub(crate) fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Send `body` as JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, SdkError> {
        // The serializer's message could quote the value, so it is dropped.
        let text = serde_json::to_vec(body).map_err(|_| SdkError::Request)?;
        self.body = Some((HeaderValue::from_static("application/json"), wiped_bytes(text)));
        Ok(self)
    }

    /// Send `fields` as a form.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
            .into_bytes();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.body = Some((form, wiped_bytes(text)));
        self
    }
}

/// The way to one broker.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    base: Url,
    proxy: Option<String>,
    timeout: Duration,
    patience: Duration,
    on_wait: Option<fn(&SdkError)>,
}

impl Transport {
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, SdkError> {
        let base = parse_base(&options.url)?;
        let proxy = options.proxy.resolve(&base)?;
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .user_agent(&options.user_agent);
        if let Some(certificates) = roots(&base, options)? {
            builder = builder.tls_certs_only(certificates);
        }
        let (proxy, proxy_name) = proxy.unzip();
        if let Some(proxy) = proxy {
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(SdkError::Setup)?;
        let ClientOptions { timeout, patience, on_wait, .. } = *options;
        Ok(Self { http, base, proxy: proxy_name, timeout, patience, on_wait })
    }

    /// The URL of a route below the base: `api/v2/deliveries`.
    pub(crate) fn url(&self, route: &str) -> Url {
        debug_assert!(!route.starts_with('/'), "a route is below the base");
        self.base.join(route).expect("routes are made of parsed names")
    }

    /// The same with a query. Members that are `None` are left out.
    pub(crate) fn url_with(&self, route: &str, query: &impl Serialize) -> Url {
        let mut url = self.url(route);
        let pairs = query_pairs(query);
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Send, and read the answer as `T`.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, SdkError> {
        let answer = self.send(call).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| SdkError::Answer { line: error.line(), column: error.column() })
    }

    /// The same way, walked again for at most this long. Connections are shared.
    pub(crate) fn with_patience(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    async fn send(&self, call: Call<'_>) -> Result<Zeroizing<Vec<u8>>, SdkError> {
        let started = Instant::now();
        let mut to_tell = self.on_wait;
        let mut bound = self.timeout;
        for attempts_made in 1.. {
            let failure = match self.attempt(&call, bound).await {
                Ok(body) => return Ok(body),
                Err(failure) if failure.may_repeat(call.repeat) => failure,
                Err(failure) => return Err(failure.error),
            };
            let left = self.patience.saturating_sub(started.elapsed());
            let Some(pause) = pause(attempts_made, failure.retry_after, left, &TlsRandom) else {
                return Err(failure.error);
            };
            if let Some(tell) = to_tell.take() {
                tell(&failure.error);
            }
            tokio::time::sleep(pause).await;
            // Else a broker that takes connections and says nothing would double the wait.
            bound = self.timeout.min(left.saturating_sub(pause));
        }
        unreachable!("the attempts end when patience does")
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        bound: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .timeout(bound)
            .header(ACCEPT, "application/json, application/problem+json");
        if let Some((kind, body)) = &call.body {
            request = request.header(CONTENT_TYPE, kind).body(body.clone());
        }
        if let Some(token) = call.token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let answer = request.send().await.map_err(|error| self.lost(error))?;

        let status = answer.status();
        if status.is_success() {
            return self.read(answer, call.limit).await;
        }
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|header| header.to_str().ok())
            .and_then(parse_retry_after);
        let body = self.read(answer, PROBLEM_LIMIT).await?;
        let error = match problem(status.as_u16(), &body) {
            Some(problem) => SdkError::Refused(Box::new(problem)),
            None => SdkError::Stranger { status: status.as_u16() },
        };
        let stage = Stage::of_refusal(status.as_u16(), error.code());
        Err(Failure { error, retry_after, stage })
    }

    async fn read(
        &self,
        mut answer: Response,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let too_large = || Failure::final_of(SdkError::TooLarge { limit });
        let promised = usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        if promised > limit {
            return Err(too_large());
        }
        // Room for all of it at once: growing would leave copies behind unwiped.
        let mut body = Zeroizing::new(Vec::with_capacity(promised));
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.lost(error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// No answer, or half of one.
    fn lost(&self, error: reqwest::Error) -> Failure {
        let stage = if error.is_connect() { Stage::Unsent } else { Stage::Unknown };
        let error = SdkError::lost(authority(&self.base), self.proxy.clone(), error.without_url());
        let stage = match error {
            SdkError::Untrusted { .. }
            | SdkError::WrongName { .. }
            | SdkError::WrongScheme { .. } => Stage::Final,
            _ => stage,
        };
        Failure { error, retry_after: None, stage }
    }
}

/// One attempt that did not succeed.
struct Failure {
    error: SdkError,
    retry_after: Option<Duration>,
    stage: Stage,
}

/// How far a failed request got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To the broker, which decided.
    Final,
    /// Perhaps to the broker: the answer is lost, or says that nobody knows.
    Unknown,
    /// To the broker, which did nothing.
    Unserved,
    /// Nowhere.
    Unsent,
}

impl Stage {
    fn of_refusal(status: u16, code: &str) -> Self {
        match status {
            503 if UNRESOLVED.contains(&code) => Self::Unknown,
            429 | 503 => Self::Unserved,
            // A proxy in between speaks: the broker may have served the request.
            502 | 504 => Self::Unknown,
            _ => Self::Final,
        }
    }
}

impl Failure {
    fn final_of(error: SdkError) -> Self {
        Self { error, retry_after: None, stage: Stage::Final }
    }

    fn may_repeat(&self, repeat: Repeat) -> bool {
        match self.stage {
            Stage::Final => false,
            Stage::Unknown => repeat == Repeat::Always,
            Stage::Unserved | Stage::Unsent => true,
        }
    }
}

/// The roots to trust alone; `None` means the system's.
fn roots(
    base: &Url,
    options: &ClientOptions,
) -> Result<Option<Vec<reqwest::Certificate>>, SdkError> {
    match &options.ca_pem {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .map(Some)
            .ok_or(SdkError::CaPem),
        // No TLS will happen; loading the system's roots would cost milliseconds.
        None if base.scheme() == "http" && is_loopback(base) => Ok(Some(Vec::new())),
        None => Ok(None),
    }
}

/// A refusal in either of the two shapes: RFC 9457, or RFC 6749 at the OAuth routes.
fn problem(status: u16, body: &[u8]) -> Option<Problem> {
    Problem::from_answer(status, body).or_else(|| {
        let refusal: OAuthError = serde_json::from_slice(body).ok()?;
        Some(Problem {
            kind: format!("urn:segura:problem:{}", refusal.error),
            title: "The token was not exchanged".to_owned(),
            status,
            detail: refusal.error_description.unwrap_or_else(|| refusal.error.clone()),
            code: refusal.error,
            request_id: None,
            denial: None,
            checks: Vec::new(),
            secrets: Vec::new(),
        })
    })
}

/// The members of a flat query type as names and texts.
fn query_pairs(query: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(query) else {
        return Vec::new();
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    members.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

fn bearer(token: &SecretText) -> Result<HeaderValue, Failure> {
    // EXPOSE: the token goes to the broker it was made by; the header is marked.
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut header =
        HeaderValue::from_str(&text).map_err(|_| Failure::final_of(SdkError::TokenShape))?;
    header.set_sensitive(true);
    Ok(header)
}

fn wiped_bytes(body: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(body))
}

/// What the broker calls a commit of which it does not know whether it was done; the second
/// in the words of OAuth.
const UNRESOLVED: [&str; 2] = ["commit-unresolved", "server_error"];
/// The most that is read of an answer without secrets.
pub(crate) const USUAL_LIMIT: usize = 16 << 20;
/// The most that is read of one version: 1 MiB, in JSON at its widest.
pub(crate) const SECRET_LIMIT: usize = 8 << 20;
/// The most that is read of a delivery: 100 versions.
pub(crate) const DELIVERY_LIMIT: usize = 128 << 20;
const PROBLEM_LIMIT: usize = 1 << 20;
