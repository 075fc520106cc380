//! Who calls: a verified token as a value.
//!
//! Made only from a token whose signature, audience and times the broker has
//! checked. It adds what a platform's preset demands of every token, and lifts out
//! what the ledger and the policy index need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::claims::{ClaimValue, Claims};
use crate::clock::Timestamp;
use crate::error::{Class, Classify};
use crate::issuer::{Audience, IssuerEntry, IssuerUrl};
use crate::name::IssuerId;
use crate::preset::{ClaimSpec, ClaimTrust, Preset};

/// The longest `sub`, anchor and run text, in bytes.
pub const LONGEST_TEXT: usize = 512;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Workload {
    /// The issuer entry that vouches for it.
    pub issuer: IssuerId,
    /// `iss` as the token has it.
    pub iss: IssuerUrl,
    /// `sub`.
    pub subject: String,
    /// The audience that was accepted.
    pub audience: Audience,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// Immutable ids by claim name.
    pub anchors: BTreeMap<String, String>,
    /// What names the run, by claim name.
    pub run: BTreeMap<String, String>,
    /// Everything the token says.
    pub claims: Claims,
}

impl Workload {
    /// The workload of a token whose signature, audience and times were checked
    /// against `entry`.
    pub fn from_claims(
        entry: &IssuerEntry,
        preset: &Preset,
        audience: Audience,
        claims: Claims,
    ) -> Result<Self, WorkloadError> {
        let time = |name: &'static str| {
            claims.integer(name).map(Timestamp).ok_or(WorkloadError::MissingTime(name))
        };
        let (issued_at, expires_at) = (time("iat")?, time("exp")?);
        let subject = claims.subject().ok_or(WorkloadError::MissingSubject)?;
        let subject = checked("sub", subject)?.to_owned();
        if claims.text("iss") != Some(entry.iss.as_str()) {
            return Err(WorkloadError::OtherIssuer { expected: entry.iss.clone() });
        }
        (preset.check)(&claims, entry).map_err(WorkloadError::Platform)?;
        let anchors = preset.claims.iter().filter(|spec| spec.trust == ClaimTrust::Anchor);
        let anchors = anchors.filter(|spec| {
            spec.value(spec.name, &claims).is_some_and(|value| spec.kind.accepts(value))
        });
        Ok(Self {
            issuer: entry.id.clone(),
            iss: entry.iss.clone(),
            subject,
            audience,
            issued_at,
            expires_at,
            anchors: anchor_texts(anchors, &claims)?,
            run: run_texts(preset, &claims),
            claims,
        })
    }
}

fn anchor_texts<'p>(
    anchors: impl Iterator<Item = &'p ClaimSpec>,
    claims: &Claims,
) -> Result<BTreeMap<String, String>, WorkloadError> {
    let mut texts = BTreeMap::new();
    for spec in anchors {
        let text = match spec.value(spec.name, claims) {
            Some(ClaimValue::Text(text)) => checked(spec.name, text)?.to_owned(),
            Some(ClaimValue::Integer(number)) => number.to_string(),
            _ => continue,
        };
        texts.insert(spec.name.to_owned(), text);
    }
    Ok(texts)
}

/// For people to read, so what is odd is left out rather than refused.
fn run_texts(preset: &Preset, claims: &Claims) -> BTreeMap<String, String> {
    let text = |name: &&'static str| {
        let text = match preset.value(name, claims).or_else(|| claims.get(name))? {
            ClaimValue::Text(text) => checked(name, text).ok()?.to_owned(),
            ClaimValue::Integer(number) => number.to_string(),
            _ => return None,
        };
        Some(((*name).to_owned(), text))
    };
    preset.run.iter().filter_map(text).collect()
}

/// These texts become columns, log fields and lines on a terminal.
fn checked<'t>(claim: &str, text: &'t str) -> Result<&'t str, WorkloadError> {
    if text.is_empty() || text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(WorkloadError::Text { claim: claim.to_owned() });
    }
    Ok(text)
}

/// Why a verified token is no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// No `sub`.
    #[error("the token has no `sub` that is text; an identity token always has one")]
    MissingSubject,
    /// No `iat` or no `exp`.
    #[error("the token has no `{0}` that is a whole number of seconds")]
    MissingTime(&'static str),
    /// `iss` is another than the entry's.
    #[error("the token's `iss` is not `{expected}`, byte for byte")]
    OtherIssuer {
        /// The entry's.
        expected: IssuerUrl,
    },
    /// The platform's own rules refuse the token.
    #[error("{0}")]
    Platform(String),
    /// A text that becomes part of records is out of bounds.
    #[error(
        "the claim `{claim}` must have 1–{LONGEST_TEXT} bytes and no control characters, \
         because it is written to the ledger"
    )]
    Text {
        /// Which.
        claim: String,
    },
}

impl Classify for WorkloadError {
    fn class(&self) -> Class {
        Class::unauthenticated(match self {
            Self::MissingSubject | Self::MissingTime(_) | Self::Text { .. } => "token-malformed",
            Self::OtherIssuer { .. } => "issuer-mismatch",
            Self::Platform(_) => "token-unsuitable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::entry;
    use crate::preset::tests::SAMPLE;

    fn workload(claims: &str) -> Result<Workload, WorkloadError> {
        let claims = Claims::parse(claims.as_bytes()).unwrap();
        Workload::from_claims(&entry(), &SAMPLE, "https://segura.example".parse().unwrap(), claims)
    }

    const GOOD: &str = r#"{"iss":"https://ci.example","sub":"s","iat":10,"exp":20,
        "project_id":"7","project":"a/b","run_id":99,"ci.example":{"uid":"u"}}"#;

    #[test]
    fn a_workload_lifts_out_anchors_and_run() {
        let workload = workload(GOOD).unwrap();
        assert_eq!(workload.anchors, [("project_id", "7"), ("uid", "u")].map(owned).into());
        assert_eq!(workload.run, [("run_id", "99")].map(owned).into());
        assert_eq!((workload.issued_at, workload.expires_at), (Timestamp(10), Timestamp(20)));
    }

    #[test]
    fn a_workload_survives_its_json() {
        let workload = workload(GOOD).unwrap();
        let json = serde_json::to_string(&workload).unwrap();
        assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
    }

    #[test]
    fn what_every_token_must_have_is_demanded() {
        for (was, now) in [
            (r#""sub":"s""#, r#""sub":7"#),
            (r#""sub":"s""#, r#""sub":"""#),
            (r#""sub":"s""#, r#""sub":"a\nb""#),
            (r#""iat":10"#, r#""iat":"10""#),
            (r#""exp":20"#, r#""exp":20.5"#),
            (r#""exp":20"#, r#""exp":null"#),
            ("https://ci.example\"", "https://ci.example/\""),
            (r#""uid":"u""#, r#""uid":"u\nv""#),
        ] {
            let claims = GOOD.replace(was, now);
            assert!(workload(&claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn an_anchor_of_the_wrong_type_is_no_anchor() {
        let workload = workload(&GOOD.replace(r#""project_id":"7""#, r#""project_id":7"#)).unwrap();
        assert!(!workload.anchors.contains_key("project_id"));
    }

    #[test]
    fn what_names_the_run_is_left_out_if_it_is_odd() {
        for odd in [r#""a\nb""#, r#""""#, "1.5", "null", "[1]", &format!("\"{}\"", "x".repeat(513))]
        {
            let workload = workload(&GOOD.replace("99", odd)).unwrap();
            assert_eq!(workload.run, BTreeMap::new(), "{odd}");
        }
    }

    #[test]
    fn a_platform_may_refuse() {
        let preset = Preset { check: |_, _| Err("no".into()), ..SAMPLE };
        let claims = Claims::parse(GOOD.as_bytes()).unwrap();
        let refused = Workload::from_claims(&entry(), &preset, "a".parse().unwrap(), claims);
        assert_eq!(refused.unwrap_err(), WorkloadError::Platform("no".into()));
    }

    fn owned((name, value): (&str, &str)) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }
}
