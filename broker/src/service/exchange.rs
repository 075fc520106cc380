//! Token exchange by RFC 8693: an identity token in, a session token out.
//!
//! Every parameter of the standard is handled or refused by its name; none is silently
//! dropped, since a client that asked for less would then be given more. The errors are
//! those of RFC 6749 section 5.2, and a token that is not accepted is `invalid_request`,
//! as RFC 8693 section 2.2.2 demands.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use segura_model::api::token::{GRANT_TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_TOKEN, TYPE_JWT};
use segura_model::audit::Event;
use segura_model::random::make_bytes;
use segura_model::{Class, Classify, Kind, SecretText, SessionId};
use segura_store::StoreError;

use super::granting::{Ask, Grant, GrantError, grant};
use super::refusals::{Refusal, Refusing};
use super::{Core, Origin};

/// The parameters of a token request; `None` is absent or empty.
#[derive(Debug, Default)]
pub struct ExchangeRequest {
    /// `grant_type`.
    pub grant_type: Option<SecretText>,
    /// `subject_token`.
    pub subject_token: Option<SecretText>,
    /// `subject_token_type`.
    pub subject_token_type: Option<SecretText>,
    /// `actor_token`.
    pub actor_token: Option<SecretText>,
    /// `actor_token_type`.
    pub actor_token_type: Option<SecretText>,
    /// `requested_token_type`.
    pub requested_token_type: Option<SecretText>,
    /// `scope`.
    pub scope: Option<SecretText>,
    /// Every `audience`.
    pub audience: Vec<SecretText>,
    /// Every `resource`.
    pub resource: Vec<SecretText>,
}

/// A session token, durably written down.
#[derive(Debug)]
pub struct Exchanged {
    /// The session.
    pub session: SessionId,
    /// Its token.
    pub token: SecretText,
    /// Seconds until it ends.
    pub expires_in: i64,
}

/// A parameter that cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Delegation.
    #[error("actor_token is not supported: leave it out, a session is the subject's own")]
    ActorToken,
    /// A type without its token.
    #[error("actor_token_type must not be sent without actor_token")]
    ActorTokenType,
    /// Another service.
    #[error("audience must be this server's URL, or left out")]
    Audience,
    /// Another grant.
    #[error("grant_type must be urn:ietf:params:oauth:grant-type:token-exchange")]
    GrantType,
    /// Something that has to be there.
    #[error("{0} is missing: see RFC 8693 section 2.1")]
    Missing(&'static str),
    /// A token type that is not issued here.
    #[error(
        "requested_token_type must be urn:ietf:params:oauth:token-type:access_token, or left out"
    )]
    RequestedTokenType,
    /// Another service.
    #[error("resource must be this server's URL, or left out")]
    Resource,
    /// A narrower token.
    #[error("scope is not supported: leave it out, trust policies decide at every read")]
    Scope,
    /// A token type that is not accepted.
    #[error(
        "subject_token_type must be urn:ietf:params:oauth:token-type:jwt or \
         urn:ietf:params:oauth:token-type:id_token"
    )]
    SubjectTokenType,
}

impl Classify for ParameterError {
    fn class(&self) -> Class {
        Class::bad_request("exchange-parameter")
    }
}

/// Why nothing was exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The way in was refused or failed.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A parameter.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

impl Classify for ExchangeError {
    fn class(&self) -> Class {
        match self {
            Self::Grant(error) => error.class(),
            Self::Parameter(error) => error.class(),
        }
    }
}

impl ExchangeError {
    /// The error code of RFC 6749 section 5.2 and RFC 8693 section 2.2.2.
    pub fn oauth_code(&self) -> &'static str {
        match self {
            Self::Parameter(ParameterError::GrantType) => "unsupported_grant_type",
            Self::Parameter(ParameterError::Scope) => "invalid_scope",
            Self::Parameter(ParameterError::Audience | ParameterError::Resource) => {
                "invalid_target"
            }
            Self::Parameter(_) => "invalid_request",
            // The other word for a 503 says that nothing was done, and asks for a repetition.
            Self::Grant(error) if error.class() == StoreError::Unresolved.class() => "server_error",
            Self::Grant(error) => match error.class().kind {
                Kind::Internal => "server_error",
                Kind::Unavailable => "temporarily_unavailable",
                _ => "invalid_request",
            },
        }
    }
}

impl Refusing for ExchangeError {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Grant(error) => error.refusal(),
            Self::Parameter(_) => None,
        }
    }
}

/// Exchanges.
#[derive(Clone)]
pub struct ExchangeService {
    core: Arc<Core>,
    /// What a caller may call this server: its URLs, as configured.
    names: Arc<[String]>,
}

impl ExchangeService {
    /// The service over this core, for a server of these URLs.
    pub const fn new(core: Arc<Core>, names: Arc<[String]>) -> Self {
        Self { core, names }
    }

    /// Exchange an identity token for a session token.
    pub async fn exchange(
        &self,
        request: ExchangeRequest,
        origin: Origin,
    ) -> Result<Exchanged, ExchangeError> {
        let token = self.check(request)?;
        let ask = Ask {
            event: Event::Exchange,
            token: &token,
            wanted: &[],
            // The standard has no request key, so none that repeats: a lost answer is lost.
            request_key: make_bytes(&*self.core.random),
            request_digest: exchange_digest(),
            origin,
        };
        let Grant { session, token, .. } = grant(&self.core, &ask).await?;
        let expires_in = session.expires_at.since(self.core.clock.now()).max(0);
        Ok(Exchanged { session: session.id, token, expires_in })
    }

    /// The subject token of a request that can be served.
    fn check(&self, request: ExchangeRequest) -> Result<SecretText, ParameterError> {
        let is = |value: &SecretText, text: &str| value.matches(&SecretText::new(text));
        let ExchangeRequest { grant_type, subject_token, subject_token_type, .. } = request;
        match grant_type {
            None => return Err(ParameterError::Missing("grant_type")),
            Some(grant) if !is(&grant, GRANT_TOKEN_EXCHANGE) => {
                return Err(ParameterError::GrantType);
            }
            Some(_) => {}
        }
        let token = subject_token.ok_or(ParameterError::Missing("subject_token"))?;
        let kind = subject_token_type.ok_or(ParameterError::Missing("subject_token_type"))?;
        if !is(&kind, TYPE_JWT) && !is(&kind, TYPE_ID_TOKEN) {
            return Err(ParameterError::SubjectTokenType);
        }
        match (request.actor_token, request.actor_token_type) {
            (Some(_), _) => return Err(ParameterError::ActorToken),
            (None, Some(_)) => return Err(ParameterError::ActorTokenType),
            (None, None) => {}
        }
        let requested = request.requested_token_type;
        if requested.is_some_and(|requested| !is(&requested, TYPE_ACCESS_TOKEN)) {
            return Err(ParameterError::RequestedTokenType);
        }
        if request.scope.is_some() {
            return Err(ParameterError::Scope);
        }
        if !request.audience.iter().all(|audience| self.is_us(audience)) {
            return Err(ParameterError::Audience);
        }
        if !request.resource.iter().all(|resource| self.is_us(resource)) {
            return Err(ParameterError::Resource);
        }
        Ok(token)
    }

    fn is_us(&self, name: &SecretText) -> bool {
        // EXPOSE: compared with what is public.
        let name = name.expose();
        let name = name.strip_suffix('/').unwrap_or(name);
        self.names.iter().any(|ours| ours.strip_suffix('/').unwrap_or(ours) == name)
    }
}

fn exchange_digest() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, b"segura/exchange/1").as_ref());
    bytes
}

#[cfg(test)]
mod tests;
