//! What the tests of this room share: an issuer that is a map, and tokens to order.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use segura_model::issuer::KeySource;
use segura_model::{Algorithm, IssuerEntry, ManualClock, Spend, Timestamp};
use serde_json::{Value, json};

use super::{
    Fetch, FetchError, FetchRequest, Fetched, IssuerSet, MemoryShelf, Verified, Verifier,
    VerifyError,
};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const ISS: &str = "https://ci.example";
pub(super) const AUD: &str = "https://segura.example";
pub(super) const DISCOVERY: &str = "https://ci.example/.well-known/openid-configuration";
pub(super) const JWKS: &str = "https://ci.example/keys";

/// A P-256 key that signs any text.
pub(super) struct TestKey {
    pub(super) kid: &'static str,
    pair: EcdsaKeyPair,
}

impl TestKey {
    pub(super) fn make(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, pair }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256",
            "x": encode(&point[1..33]), "y": encode(&point[33..65]),
        })
    }

    /// A token of these claims with the usual header.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": self.kid, "typ": "JWT"});
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// A token of any two texts.
    pub(super) fn sign_texts(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", encode(signature.as_ref()))
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims that verify.
pub(super) fn claims() -> Value {
    json!({
        "iss": ISS, "aud": AUD, "sub": "job-1", "jti": "1",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 290,
    })
}

/// The usual claims with one of them changed; `null` removes it.
pub(super) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

/// What a document's address answers.
pub(super) type Answer = Result<Fetched, u16>;

/// An issuer that answers from a map and counts how often it is asked.
#[derive(Default)]
pub(super) struct FakeIssuer {
    answers: Mutex<HashMap<String, Answer>>,
    pub(super) asked: AtomicUsize,
}

impl FakeIssuer {
    pub(super) fn answers(&self, url: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(url.to_owned(), answer);
    }

    pub(super) fn publishes(&self, url: &str, document: &Value) {
        self.answers(url, Ok(Fetched { body: document.to_string().into_bytes(), max_age: None }));
    }

    pub(super) fn publishes_keys(&self, keys: &[Value]) {
        self.publishes(DISCOVERY, &json!({"issuer": ISS, "jwks_uri": JWKS}));
        self.publishes(JWKS, &json!({"keys": keys}));
    }

    pub(super) fn goes_down(&self) {
        self.answers.lock().unwrap().clear();
    }

    /// How often it was asked since the last time this was.
    pub(super) fn times_asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl Fetch for FakeIssuer {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().get(request.url.as_str()).cloned();
        async move {
            // Others come meanwhile.
            tokio::task::yield_now().await;
            let status = match answer {
                Some(Ok(fetched)) => return Ok(fetched),
                Some(Err(status)) => status,
                None => 503,
            };
            Err(FetchError::Status { url: request.url.to_string(), status })
        }
        .boxed()
    }

    fn read(&self, path: PathBuf) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().get(path.to_str().unwrap()).cloned();
        let missing = || FetchError::File { path, reason: "missing".to_owned() };
        std::future::ready(answer.and_then(Result::ok).ok_or_else(missing)).boxed()
    }
}

/// An enrolled issuer with one key, and a verifier that trusts it.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) issuer: Arc<FakeIssuer>,
    pub(super) shelf: Arc<MemoryShelf>,
    pub(super) issuers: IssuerSet,
    pub(super) verifier: Verifier,
    pub(super) key: TestKey,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(entry())
    }

    pub(super) fn with(entry: IssuerEntry) -> Self {
        let key = TestKey::make("key-1");
        let issuer = Arc::new(FakeIssuer::default());
        issuer.publishes_keys(&[key.jwk()]);
        let clock = Arc::new(ManualClock::at(Timestamp(NOW)));
        let shelf = Arc::new(MemoryShelf::default());
        let verifier = Verifier::new(issuer.clone(), clock.clone(), shelf.clone());
        let issuers = IssuerSet::build(vec![entry]).unwrap();
        Self { clock, issuer, shelf, issuers, verifier, key }
    }

    /// The same world after a restart: nothing in memory, the shelf as it was.
    pub(super) fn restarted(self) -> Self {
        let verifier = Verifier::new(self.issuer.clone(), self.clock.clone(), self.shelf.clone());
        Self { verifier, ..self }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        self.verifier.verify(&self.issuers, token).await
    }

    /// The code with which a token is refused.
    pub(super) async fn refusal(&self, token: &str) -> &'static str {
        use segura_model::Classify;
        match self.verify(token).await {
            Ok(verified) => panic!("verified: {:?}", verified.workload),
            Err(error) => error.class().code,
        }
    }
}

pub(super) fn entry() -> IssuerEntry {
    IssuerEntry {
        id: "ci".parse().unwrap(),
        preset: "oidc".to_owned(),
        iss: ISS.parse().unwrap(),
        audiences: vec![AUD.parse().unwrap()],
        algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        max_age: 600,
        spend: Spend::Once,
        keys: KeySource::Discovery { ca_file: None, bearer_token_file: None },
        insecure_loopback: false,
        shared: true,
    }
}
