//! What an operator may do, by resource. The operator's role decides on the server.

mod audit;
mod secrets;
mod sys;
mod trust;

use std::sync::Arc;

use reqwest::Method;
use segura_model::SecretText;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::SdkError;
use crate::transport::{Call, Repeat, Transport};

/// An operator at a broker.
#[derive(Clone, Debug)]
pub struct Operator {
    transport: Arc<Transport>,
    token: SecretText,
}

impl Operator {
    pub(crate) const fn new(transport: Arc<Transport>, token: SecretText) -> Self {
        Self { transport, token }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        route: &str,
        query: &impl Serialize,
    ) -> Result<T, SdkError> {
        let url = self.transport.url_with(route, query);
        self.transport.fetch(Call::new(Method::GET, url).token(&self.token)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        repeat: Repeat,
        body: &impl Serialize,
    ) -> Result<T, SdkError> {
        let call = Call::new(method, self.transport.url(route)).repeat(repeat).json(body)?;
        self.transport.fetch(call.token(&self.token)).await
    }

    /// A lost answer is not asked for again: the second one would be "not found".
    async fn remove<T: DeserializeOwned>(&self, route: &str) -> Result<T, SdkError> {
        let call = Call::new(Method::DELETE, self.transport.url(route));
        self.transport.fetch(call.token(&self.token)).await
    }
}

/// No query.
const ALL: () = ();
