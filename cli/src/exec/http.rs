//! The way to a platform's token service, and to files: what the adapters are given.
//!
//! The client is made when it is first needed, because a job whose token is a variable
//! or a file never needs it, and reading the system's certificates takes longer than
//! all the rest.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, NoProxy, Proxy};
use segura_model::SecretBytes;
use segura_plugins::{Env, Files, Http, HttpError, TokenAnswer, TokenMethod, TokenRequest};
use zeroize::Zeroizing;

/// Calls token services over HTTP.
pub(crate) struct TokenHttp {
    proxy: Option<String>,
    no_proxy: Option<String>,
    client: OnceLock<Client>,
}

impl TokenHttp {
    /// Take the proxy from the environment; connects to nothing yet.
    pub(crate) fn new(env: &dyn Env) -> Self {
        let first = |names: [&str; 4]| names.iter().find_map(|name| env.filled(name));
        Self {
            proxy: first(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: env.filled("no_proxy").or_else(|| env.filled("NO_PROXY")),
            client: OnceLock::new(),
        }
    }

    fn client(&self, url: &str) -> Result<&Client, BoxError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .user_agent(concat!("segura/", env!("CARGO_PKG_VERSION")));
        if url.starts_with("http://") {
            // No TLS will happen; loading the system's roots would cost milliseconds.
            builder = builder.tls_certs_only(std::iter::empty());
        } else if let Some(proxy) = &self.proxy {
            let except = self.no_proxy.as_deref().and_then(NoProxy::from_string);
            builder = builder.proxy(Proxy::https(proxy)?.no_proxy(except));
        }
        let client = builder.build()?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn ask(&self, request: &TokenRequest<'_>) -> Result<TokenAnswer, BoxError> {
        let client = self.client(&request.url)?;
        let call = match request.method {
            TokenMethod::Get => client.get(&request.url),
            TokenMethod::Post => client
                .post(&request.url)
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(Vec::new()),
        };
        // EXPOSE: the platform's own service is who this token is for.
        let bearer = Zeroizing::new(format!("Bearer {}", request.bearer.expose()));
        let mut bearer = HeaderValue::from_str(&bearer)?;
        bearer.set_sensitive(true);
        let mut answer = call.header(AUTHORIZATION, bearer).send().await?;

        let status = answer.status().as_u16();
        // Room for all of it at once: growing would leave copies behind unwiped.
        let mut body = Vec::with_capacity(ANSWER_LIMIT);
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err("the answer is larger than 64 KiB".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(TokenAnswer { status, body: SecretBytes::new(body) })
    }
}

impl Http for TokenHttp {
    fn send<'a>(
        &'a self,
        request: &'a TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenAnswer, HttpError>> {
        async move {
            self.ask(request).await.map_err(|source| {
                let url = request.url.parse::<reqwest::Url>().ok();
                let host = url.and_then(|url| url.host_str().map(str::to_owned));
                HttpError { host: host.unwrap_or_else(|| "a URL without a host".into()), source }
            })
        }
        .boxed()
    }

    fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }
}

/// Reads files from the disk.
pub(crate) struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path, limit: usize) -> io::Result<SecretBytes> {
        let mut bytes = Vec::with_capacity(limit + 1);
        File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::Error::other(format!("it has more than {limit} bytes")));
        }
        Ok(SecretBytes::new(bytes))
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const ANSWER_LIMIT: usize = 64 << 10;
