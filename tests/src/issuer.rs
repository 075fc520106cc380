//! An issuer that signs tokens shaped like a platform's, over real HTTP on loopback.
//!
//! It stands for `token.actions.githubusercontent.com` and its kin, which cannot be
//! reached from a test. Keys are made for each issuer; claims come from
//! `segura_plugins::sample`, whose shapes come from the vendors' documentation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use segura_broker::dev::SigningKey;
use segura_model::{Algorithm, Clock, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running issuer; stopped when dropped.
pub struct TokenIssuer {
    url: String,
    key: Arc<Mutex<Arc<SigningKey>>>,
    task: JoinHandle<()>,
}

impl TokenIssuer {
    /// Start an issuer with one key of this algorithm.
    pub async fn start(algorithm: Algorithm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let url = format!("http://{address}");
        let key = Arc::new(SigningKey::make(algorithm, "key-1"));
        let key = Arc::new(Mutex::new(key));
        let task = tokio::spawn(serve(listener, url.clone(), Arc::clone(&key)));
        Self { url, key, task }
    }

    /// The issuer's `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key that signs.
    pub fn key(&self) -> Arc<SigningKey> {
        held(&self.key)
    }

    /// Sign with a new key of another id from now on, and show only that.
    pub fn rotate(&self, algorithm: Algorithm, kid: &str) {
        let key = Arc::new(SigningKey::make(algorithm, kid));
        *self.key.lock().expect("no test panics while it holds the key") = key;
    }

    /// Answer nothing any more.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// A token of these claims, with `iss` and the times of a fresh token unless given.
    pub fn token(&self, claims: &Value) -> String {
        self.key().sign(&self.complete(claims))
    }

    /// The claims with `iss`, `iat`, `nbf`, `exp` and `jti` filled in where they are absent.
    pub fn complete(&self, claims: &Value) -> Value {
        let now = SystemClock.now().0;
        let mut complete = json!({
            "iss": self.url,
            "iat": now,
            "nbf": now - 5,
            "exp": now + 300,
            "jti": format!("jti-{}", JTI.fetch_add(1, Ordering::SeqCst)),
        });
        for (name, value) in claims.as_object().expect("claims are an object") {
            if value.is_null() {
                complete.as_object_mut().expect("made above").remove(name);
            } else {
                complete[name.as_str()] = value.clone();
            }
        }
        complete
    }
}

static JTI: AtomicUsize = AtomicUsize::new(1);

impl Drop for TokenIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn held(key: &Mutex<Arc<SigningKey>>) -> Arc<SigningKey> {
    Arc::clone(&key.lock().expect("no test panics while it holds the key"))
}

async fn serve(listener: TcpListener, url: String, key: Arc<Mutex<Arc<SigningKey>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        // One at a time, within this task: stopping the task stops every answer.
        drop(answer(stream, &url, &held(&key)).await);
    }
}

async fn answer(mut stream: TcpStream, url: &str, key: &SigningKey) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..read]);
    }
    let line = String::from_utf8_lossy(&request);
    let (status, body) = match line.split_whitespace().nth(1) {
        Some("/.well-known/openid-configuration") => ("200 OK", discovery(url)),
        Some("/jwks") => ("200 OK", json!({"keys": [key.jwk()]})),
        _ => ("404 Not Found", json!({})),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn discovery(url: &str) -> Value {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/jwks"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    })
}
