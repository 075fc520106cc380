//! The real [`Fetch`]: `reqwest` with everything it would do by itself turned off.
//!
//! A client is built for each document. They are fetched at most every half minute, a
//! changed certificate file is picked up, and no connection is kept that would tie the
//! cache to one worker's event loop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use segura_model::SecretText;
use tokio::io::AsyncReadExt;

use super::issuer_files::IssuerFiles;
use super::proxy::{OutboundProxy, ProxyError};
use crate::oidc::{Fetch, FetchError, FetchRequest, Fetched, MAX_DOCUMENT};

/// Fetches issuers' documents over HTTP, and reads them from files.
pub struct HttpFetch {
    proxy: Option<reqwest::Proxy>,
    files: IssuerFiles,
    time: Duration,
}

/// The fetcher cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("outbound connections cannot be set up")]
pub struct HttpFetchError(#[from] ProxyError);

impl HttpFetch {
    /// A fetcher that goes out through this proxy, if any, and reads these files alone.
    pub fn new(proxy: &OutboundProxy, files: IssuerFiles) -> Result<Self, HttpFetchError> {
        Ok(Self { proxy: proxy.to_reqwest()?, files, time: TIME })
    }

    async fn get(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let answer = tokio::time::timeout(self.time, self.exchange(&request)).await;
        answer.unwrap_or_else(|_| {
            let reason = format!("nothing complete within {:?}", self.time);
            Err(FetchError::NoAnswer { url: request.url.to_string(), reason })
        })
    }

    async fn exchange(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let url = &request.url;
        let unanswered = |error: reqwest::Error| {
            let error = error.without_url();
            let reason = crate::telemetry::Chain(&error).to_string();
            FetchError::NoAnswer { url: url.to_string(), reason }
        };
        let client = self.client(request).await?.map_err(unanswered)?;
        let mut get = client
            .get(url.clone())
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(path) = &request.bearer_token_file {
            let token = self.read_token(path).await?;
            // EXPOSE: the issuer's host asks for this token; redirects are not followed.
            get = get.bearer_auth(token.expose());
        }
        let response = get.send().await.map_err(unanswered)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_string(),
                status: response.status().as_u16(),
            });
        }
        if response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(FetchError::Encoded(url.to_string()));
        }
        let max_age = max_age(response.headers());
        let body = read_bounded(response, url.as_str()).await.map_err(|error| match error {
            Bounded::TooLong(error) => error,
            Bounded::Broken(error) => unanswered(error),
        })?;
        Ok(Fetched { body, max_age })
    }

    async fn client(
        &self,
        request: &FetchRequest,
    ) -> Result<Result<Client, reqwest::Error>, FetchError> {
        let mut builder = Client::builder()
            .user_agent(concat!("segura/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(0)
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        if let Some(path) = &request.ca_file {
            let pem = self.read_file(path).await?;
            match Certificate::from_pem_bundle(&pem) {
                Ok(roots) => builder = builder.tls_certs_only(roots),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(builder.build())
    }

    async fn read_file(&self, path: &Path) -> Result<Vec<u8>, FetchError> {
        let unreadable = |error: std::io::Error| FetchError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let (files, named) = (self.files.clone(), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || files.open(&named)).await;
        let file = opened.map_err(std::io::Error::other).flatten().map_err(unreadable)?;
        let mut body = Vec::new();
        let most = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX);
        let mut file = tokio::fs::File::from_std(file).take(most + 1);
        file.read_to_end(&mut body).await.map_err(unreadable)?;
        if body.len() > MAX_DOCUMENT {
            return Err(FetchError::TooLong(path.display().to_string()));
        }
        Ok(body)
    }

    async fn read_token(&self, path: &Path) -> Result<SecretText, FetchError> {
        let text = String::from_utf8(self.read_file(path).await?);
        text.map(|text| SecretText::new(text.trim())).map_err(|_| FetchError::File {
            path: path.to_owned(),
            reason: "it is not text".to_owned(),
        })
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.get(request).boxed()
    }

    fn read(&self, path: PathBuf) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        async move { Ok(Fetched { body: self.read_file(&path).await?, max_age: None }) }.boxed()
    }
}

enum Bounded {
    Broken(reqwest::Error),
    TooLong(FetchError),
}

async fn read_bounded(mut response: Response, name: &str) -> Result<Vec<u8>, Bounded> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Bounded::Broken)? {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(Bounded::TooLong(FetchError::TooLong(name.to_owned())));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `max-age` in seconds; `no-store` and `no-cache` count as zero. RFC 9111, section 5.2.
fn max_age(headers: &HeaderMap) -> Option<i64> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut age = None;
    for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "max-age" => {
                // More than fits means for ever; the cache has bounds of its own.
                let seconds = value.trim_matches('"').parse::<u64>();
                age = seconds.ok().map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
            }
            "no-cache" | "no-store" => return Some(0),
            _ => {}
        }
    }
    age
}

/// For one document, from connecting to its last byte.
const TIME: Duration = Duration::from_secs(5);
const CONNECT_TIME: Duration = Duration::from_secs(3);

#[cfg(test)]
pub(in crate::net) mod tests;
