//! The vault.

use reqwest::Method;
use segura_model::SecretPath;
use segura_model::api::{
    HistoryAnswer, SecretAnswer, SecretList, SecretListQuery, SecretPut, SecretPutAnswer,
    SecretQuery, SecretRemoveAnswer, SecretView,
};

use super::Operator;
use crate::error::SdkError;
use crate::transport::{Call, Repeat, SECRET_LIMIT};

impl Operator {
    /// Read a secret's values.
    pub async fn secret_find(
        &self,
        path: &SecretPath,
        query: &SecretQuery,
    ) -> Result<SecretAnswer, SdkError> {
        let url = self.transport.url_with(&route(path), query);
        let call = Call::new(Method::GET, url).limit(SECRET_LIMIT);
        self.transport.fetch(call.token(&self.token)).await
    }

    /// The versions of a secret, without values.
    pub async fn secret_history(&self, path: &SecretPath) -> Result<HistoryAnswer, SdkError> {
        let query = SecretQuery { view: Some(SecretView::History), ..SecretQuery::default() };
        self.read(&route(path), &query).await
    }

    /// One page of paths, without values.
    pub async fn secret_list(&self, query: &SecretListQuery) -> Result<SecretList, SdkError> {
        self.read("api/v2/a2a/secrets", query).await
    }

    /// Write a new version. A lost answer is not asked for again, because that could
    /// make two: say which version is expected, and try again.
    pub async fn secret_put(
        &self,
        path: &SecretPath,
        secret: &SecretPut,
    ) -> Result<SecretPutAnswer, SdkError> {
        self.send(Method::PUT, &route(path), Repeat::IfUnserved, secret).await
    }

    /// Remove a secret and all its versions.
    pub async fn secret_remove(&self, path: &SecretPath) -> Result<SecretRemoveAnswer, SdkError> {
        self.remove(&route(path)).await
    }
}

fn route(path: &SecretPath) -> String {
    format!("api/v2/a2a/secrets/{path}")
}
