//! From the text of a token to a workload, step by step in the order that matters.

use std::sync::Arc;

use segura_model::{Algorithm, Audience, Claims, Clock, IssuerEntry, Timestamp, Workload};

use super::claims::{Peeked, StandardClaims};
use super::compact::Compact;
use super::discovery::DevIssuers;
use super::error::{Refusal, VerifyError};
use super::fetch::Fetch;
use super::header::{Header, TokenKind};
use super::issuers::{Enrolled, Found, IssuerSet};
use super::jwks::KeyIdRule;
use super::keys::{KeyCache, KeyStatus};
use super::shelf::KeyShelf;
use super::{replay, shown, signature};

/// Turns identity tokens into workloads.
pub struct Verifier {
    clock: Arc<dyn Clock>,
    keys: KeyCache,
}

/// A token that was verified, and how it is spent.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who calls.
    pub workload: Arc<Workload>,
    /// Under which key the token is spent (design, decision 3).
    pub replay_key: [u8; 32],
    /// A digest of what was signed: tokens that share a `jti` may differ in all else.
    pub token_digest: [u8; 32],
    /// The entry that vouches for it.
    pub entry: Arc<IssuerEntry>,
    /// Until when the token must stay spent: beyond the last moment it verifies.
    pub keep_until: Timestamp,
}

impl Verifier {
    /// A verifier that keeps each issuer's last good keys on the shelf for a day.
    pub fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>, keys: Arc<dyn KeyShelf>) -> Self {
        Self::with(fetch, clock, keys, DevIssuers::Refuse, DAY)
    }

    /// A verifier with its own word on dev worlds, and its own bound, in seconds, on
    /// keys that the issuer no longer vouches for.
    pub fn with(
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        keys: Arc<dyn KeyShelf>,
        dev: DevIssuers,
        stale_bound: i64,
    ) -> Self {
        let keys = KeyCache::new(fetch, clock.clone(), keys, dev, stale_bound);
        Self { clock, keys }
    }

    /// Verify a token against the enrolled issuers.
    pub async fn verify(&self, issuers: &IssuerSet, token: &str) -> Result<Verified, VerifyError> {
        let opened = Opened::parse(token).map_err(VerifyError::stranger)?;
        let (enrolled, audience) = opened.look_up(issuers)?;
        self.verify_as(enrolled, audience, opened)
            .await
            .map_err(|refusal| VerifyError::of(enrolled.entry.id.clone(), refusal))
    }

    /// Refresh the keys that are due, of every enrolled issuer.
    pub async fn refresh_due(&self, issuers: &IssuerSet) {
        self.keys.refresh_due(issuers.iter()).await;
    }

    /// What is known about every enrolled issuer's keys.
    pub fn key_status(&self, issuers: &IssuerSet) -> Vec<KeyStatus> {
        issuers.iter().map(|entry| self.keys.status(entry)).collect()
    }

    async fn verify_as(
        &self,
        enrolled: &Enrolled,
        audience: Audience,
        opened: Opened<'_>,
    ) -> Result<Verified, Refusal> {
        let entry = &enrolled.entry;
        if opened.header.kind == TokenKind::AccessToken && !enrolled.preset.open_claims {
            return Err(Refusal::AccessToken);
        }
        let algorithm = signature::allowed_algorithm(&opened.header, &entry.algorithms)?;
        self.check_signature(enrolled, algorithm, &opened).await?;

        let standard = StandardClaims::read(&opened.claims)?;
        standard.check_times(self.clock.now(), entry)?;
        let (token_id, signing_input) = (standard.token_id.as_deref(), opened.token.signing_input);
        let workload = Workload::from_claims(entry, enrolled.preset, audience, opened.claims)?;
        Ok(Verified {
            replay_key: replay::replay_key(&entry.id, token_id, signing_input),
            token_digest: replay::digest(&["segura/token/1", signing_input]),
            keep_until: replay::keep_until(standard.expires_at),
            workload: Arc::new(workload),
            entry: entry.clone(),
        })
    }

    /// Check with the keys at hand; when they do not fit, once more with newer ones, for
    /// the issuer may have rotated them, and Jenkins keeps the `kid` when it does.
    async fn check_signature(
        &self,
        enrolled: &Enrolled,
        algorithm: Algorithm,
        opened: &Opened<'_>,
    ) -> Result<(), Refusal> {
        // A platform we know names its keys; an issuer nobody knows beforehand may not.
        let rule =
            if enrolled.preset.open_claims { KeyIdRule::WhereNeeded } else { KeyIdRule::Required };
        let Opened { token, header, .. } = opened;
        let entry = &enrolled.entry;
        let kept = self.keys.current(entry).await.map_err(Refusal::Keys)?;
        let refusal = match signature::check(token, header, algorithm, &kept.set, rule) {
            Err(refusal @ (Refusal::Signature | Refusal::UnknownKey(_))) => refusal,
            decided => return decided,
        };
        match self.keys.newer(entry, &kept).await {
            Some(newer) => signature::check(token, header, algorithm, &newer.set, rule),
            None => Err(refusal),
        }
    }
}

/// A token taken apart; nothing in it is proved.
struct Opened<'a> {
    token: Compact<'a>,
    header: Header,
    claims: Claims,
}

impl<'a> Opened<'a> {
    fn parse(token: &'a str) -> Result<Self, Refusal> {
        let token = Compact::parse(token)?;
        let header = Header::parse(&token.header)?;
        let claims = Claims::parse(&token.payload)
            .map_err(|error| Refusal::Claims(shown(&error.to_string())))?;
        Ok(Self { token, header, claims })
    }

    /// The entry for the issuer and audience that the token claims.
    fn look_up<'s>(&self, issuers: &'s IssuerSet) -> Result<(&'s Enrolled, Audience), VerifyError> {
        let peeked =
            Peeked::read(&self.claims).map_err(|error| VerifyError::stranger(error.into()))?;
        match issuers.find(&peeked.issuer, &peeked.audience) {
            Found::Entry(enrolled, audience) => Ok((enrolled, audience)),
            Found::OtherAudience(issuer) => {
                let presented = shown(&peeked.audience);
                Err(VerifyError::of(issuer, Refusal::Audience { presented }))
            }
            Found::Unknown => {
                let presented = shown(&peeked.issuer);
                Err(VerifyError::stranger(Refusal::Issuer { presented }))
            }
        }
    }
}

/// Seconds.
const DAY: i64 = 24 * 60 * 60;
