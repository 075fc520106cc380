//! `POST /oauth2/token`: the standard way in, RFC 8693.
//!
//! The request is a form and has no type here: RFC 6749 wants unknown parameters
//! ignored, empty ones taken as absent and repeated ones refused, which serde does
//! not say. Only names are shared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::{self, SecretText};

/// `grant_type` of a token exchange.
pub const GRANT_TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// `subject_token_type` of a JWT.
pub const TYPE_JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// `subject_token_type` of an identity token.
pub const TYPE_ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// `issued_token_type`: what an exchange gives.
pub const TYPE_ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A session, in the words of RFC 8693 section 2.2.1.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenAnswer {
    /// The session's token: `sgr_…`.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub access_token: SecretText,
    /// [`TYPE_ACCESS_TOKEN`].
    pub issued_token_type: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: i64,
}

/// A refusal, in the words of RFC 6749 section 5.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OAuthError {
    /// `invalid_request`, `invalid_grant`, …
    pub error: String,
    /// What failed, what was expected, what to do. Printable ASCII by the RFC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}
