//! What needs no token of the broker: the caller's identity token is in the request.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use segura_model::SecretText;
use segura_model::api::token::{GRANT_TOKEN_EXCHANGE, TYPE_JWT};
use segura_model::api::{
    CaAnswer, DeliveryAnswer, DeliveryRequest, TokenAnswer, WhoamiAnswer, WhoamiRequest,
};

use crate::error::SdkError;
use crate::operator::Operator;
use crate::options::ClientOptions;
use crate::session::Session;
use crate::transport::{Call, DELIVERY_LIMIT, Repeat, Transport};

/// A broker, seen by a caller without a token of its.
///
/// Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// A client for the broker in `options`. Connects to nothing yet.
    pub fn new(options: &ClientOptions) -> Result<Self, SdkError> {
        Ok(Self { transport: Arc::new(Transport::new(options)?) })
    }

    /// The broker's URL, with a trailing slash.
    pub fn url(&self) -> &str {
        self.transport.base().as_str()
    }

    /// The same broker, asked again for at most this long: [`ClientOptions::patience`].
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self { transport: Arc::new(self.transport.with_patience(patience)) }
    }

    /// Trade an identity token for secrets and a session, in one round trip.
    ///
    /// A lost answer is asked for again under the same request key, which repeats the
    /// same delivery; all or nothing is given.
    pub async fn deliver(&self, request: &DeliveryRequest) -> Result<DeliveryAnswer, SdkError> {
        let url = self.transport.url("api/v2/deliveries");
        let call = Call::new(Method::POST, url).repeat(Repeat::Always).limit(DELIVERY_LIMIT);
        self.transport.fetch(call.json(request)?).await
    }

    /// Trade an identity token for a session alone (RFC 8693). Spends the token, so a
    /// lost answer cannot be asked for again: [`Client::deliver`] can.
    pub async fn exchange(&self, identity_token: &SecretText) -> Result<TokenAnswer, SdkError> {
        let call = Call::new(Method::POST, self.transport.url("oauth2/token")).form(&[
            ("grant_type", GRANT_TOKEN_EXCHANGE),
            // EXPOSE: the request exists to carry the token; it is never logged.
            ("subject_token", identity_token.expose()),
            ("subject_token_type", TYPE_JWT),
        ]);
        self.transport.fetch(call).await
    }

    /// What the broker makes of an identity token. Spends nothing.
    pub async fn whoami(&self, identity_token: SecretText) -> Result<WhoamiAnswer, SdkError> {
        let call = Call::new(Method::POST, self.transport.url("api/v2/whoami"));
        let request = WhoamiRequest { token: identity_token };
        self.transport.fetch(call.repeat(Repeat::Always).json(&request)?).await
    }

    /// The broker's own certificate authority. Compare its fingerprint with one that
    /// came another way before trusting it.
    pub async fn ca(&self) -> Result<CaAnswer, SdkError> {
        self.transport.fetch(Call::new(Method::GET, self.transport.url("api/v2/sys/ca"))).await
    }

    /// The same broker, seen by a session: `sgr_…`.
    pub fn session(&self, token: SecretText) -> Session {
        Session::new(Arc::clone(&self.transport), token)
    }

    /// The same broker, seen by an operator: `sgo_…`.
    pub fn operator(&self, token: SecretText) -> Operator {
        Operator::new(Arc::clone(&self.transport), token)
    }
}
