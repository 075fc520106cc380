//! What a CI platform's plugin tells the model about its tokens.
//!
//! The facts are constants in `plugins`; here is only their shape, so that the
//! policy engine can know no platform by name. What a preset refuses, a policy may
//! lift by name where the preset says so and nowhere else.

mod form;

use std::fmt;

pub use form::ClaimForm;

use crate::claims::{ClaimValue, Claims};
use crate::issuer::{Algorithm, IssuerEntry, Spend};
use crate::policy::nearest;

/// One platform's tokens.
pub struct Preset {
    /// The name in an issuer file: `preset: github`.
    pub id: &'static str,
    /// Whether one issuer signs for many tenants. Then a policy needs an anchor.
    pub shared: bool,
    /// The issuer, where the platform has one public one.
    pub iss: Option<&'static str>,
    /// The audiences that the platform always sends. Empty where a job chooses.
    pub audiences: &'static [&'static str],
    /// Signature algorithms, unless the issuer file says otherwise.
    pub algorithms: &'static [Algorithm],
    /// Seconds since `iat` for which a token is taken, unless the file says otherwise.
    pub max_age: i64,
    /// How often one token may be used, unless the file says otherwise.
    pub spend: Spend,
    /// The claims that a policy may name.
    pub claims: &'static [ClaimSpec],
    /// Whether a policy may also name claims that are not listed: those of an
    /// issuer nobody knows beforehand. They are read as [`OPEN_CLAIM`].
    pub open_claims: bool,
    /// Sets of immutable claims; a policy that pins one whole set is anchored.
    pub anchors: &'static [&'static [&'static str]],
    /// Values that every policy refuses unless it lists them under `allow_events`.
    pub refused: &'static [RefusedValue],
    /// Pairs of claims that must be equal where both are present. Part of every
    /// policy, and cannot be switched off.
    pub require_same: &'static [(&'static str, &'static str)],
    /// What people call a claim, and what the platform does: `branch` and `ref`.
    pub everyday: &'static [(&'static str, &'static str)],
    /// Claims that name the run, for the ledger.
    pub run: &'static [&'static str],
    /// Further sanity of a verified token against its issuer entry. The text of an
    /// error says what was presented, what is expected and what to do.
    pub check: fn(&Claims, &IssuerEntry) -> Result<(), String>,
}

impl Preset {
    /// What is known of the claim called `name`; `None` where a policy may not name it.
    pub fn claim(&self, name: &str) -> Option<&'static ClaimSpec> {
        let listed = self.claims.iter().find(|spec| spec.covers(name));
        listed.or_else(|| self.open_claims.then_some(&OPEN_CLAIM))
    }

    /// The claim that somebody who wrote this word probably meant.
    pub fn meant(&self, word: &str) -> Option<&'static str> {
        let plain = word.replace(['-', '.', ' '], "_").to_ascii_lowercase();
        let everyday = self.everyday.iter().find(|(said, _)| *said == plain);
        let near = || {
            // What stands for many claims is near only to a word that begins like it.
            let begins = |name: &str| match name.strip_suffix('*') {
                Some(prefix) => plain.starts_with(prefix.trim_end_matches('_')),
                None => true,
            };
            nearest(word, self.claims.iter().map(|spec| spec.name).filter(|name| begins(name)))
        };
        everyday.map(|(_, claim)| *claim).or_else(near)
    }

    /// The value of the claim called `name`, in this platform's place for it.
    /// `null` is the same as absent.
    pub fn value<'c>(&self, name: &str, claims: &'c Claims) -> Option<&'c ClaimValue> {
        self.claim(name)?.value(name, claims)
    }
}

impl fmt::Debug for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Preset").field(&self.id).finish()
    }
}

/// One claim of a platform.
#[derive(Clone, Copy, Debug)]
pub struct ClaimSpec {
    /// The name in a policy. One that ends in `*` stands for every claim that
    /// begins like it (`repo_property_*`).
    pub name: &'static str,
    /// Where in the token it is; empty for the member of the same name.
    pub pointer: &'static [&'static str],
    /// How the platform writes it.
    pub kind: ClaimKind,
    /// The characters that a `*` of a glob does not cross.
    pub separators: &'static str,
    /// What holding it proves.
    pub trust: ClaimTrust,
    /// Advice for whoever writes a policy on it or fails one. May be empty.
    pub hint: &'static str,
    /// How every value is written.
    pub form: ClaimForm,
}

impl ClaimSpec {
    /// A text claim at the top level without separators, an [`ClaimTrust::Attribute`].
    pub const fn text(name: &'static str) -> Self {
        Self {
            name,
            pointer: &[],
            kind: ClaimKind::Text,
            separators: "",
            trust: ClaimTrust::Attribute,
            hint: "",
            form: ClaimForm::FREE,
        }
    }

    /// The same claim at another place in the token.
    #[must_use]
    pub const fn at(self, pointer: &'static [&'static str]) -> Self {
        Self { pointer, ..self }
    }

    /// The same claim, written otherwise.
    #[must_use]
    pub const fn kind(self, kind: ClaimKind) -> Self {
        Self { kind, ..self }
    }

    /// The same claim with these separators.
    #[must_use]
    pub const fn separators(self, separators: &'static str) -> Self {
        Self { separators, ..self }
    }

    /// The same claim with this trust.
    #[must_use]
    pub const fn trust(self, trust: ClaimTrust) -> Self {
        Self { trust, ..self }
    }

    /// The same claim with this advice.
    #[must_use]
    pub const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// The same claim, whose values have this form.
    #[must_use]
    pub const fn form(self, form: ClaimForm) -> Self {
        Self { form, ..self }
    }

    /// Whether a policy that says `name` means this claim.
    pub fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => name == self.name,
        }
    }

    /// The value in a token, `name` being what the policy says. `null` is absent.
    pub fn value<'c>(&self, name: &str, claims: &'c Claims) -> Option<&'c ClaimValue> {
        let value =
            if self.pointer.is_empty() { claims.get(name) } else { claims.pointer(self.pointer) };
        value.filter(|value| !value.is_null())
    }
}

/// A claim that a preset with [`Preset::open_claims`] does not list.
pub const OPEN_CLAIM: ClaimSpec = ClaimSpec::text("*").kind(ClaimKind::Any);

/// How a platform writes a claim. A token that writes it otherwise fails the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// As it comes: text, a whole number, true or false, or a list of those.
    Any,
    /// `true` or `false`.
    Bool,
    /// A list of texts; a check passes if one of them does.
    List,
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// The text `"true"` or `"false"`.
    TextBool,
    /// Decimal digits as text.
    TextNumber,
}

impl ClaimKind {
    /// Whether a token wrote the claim as its platform does.
    pub fn accepts(self, value: &ClaimValue) -> bool {
        match (self, value) {
            (Self::Bool, ClaimValue::Bool(_))
            | (Self::Number, ClaimValue::Integer(_))
            | (Self::Text, ClaimValue::Text(_))
            | (Self::Any, ClaimValue::Bool(_) | ClaimValue::Integer(_) | ClaimValue::Text(_)) => {
                true
            }
            (Self::TextBool, ClaimValue::Text(text)) => matches!(text.as_str(), "true" | "false"),
            (Self::TextNumber, ClaimValue::Text(text)) => {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
            }
            (Self::List, ClaimValue::List(values)) => {
                values.iter().all(|value| matches!(value, ClaimValue::Text(_)))
            }
            (Self::Any, ClaimValue::List(values)) => values.iter().all(|value| {
                matches!(value, ClaimValue::Bool(_) | ClaimValue::Integer(_) | ClaimValue::Text(_))
            }),
            _ => false,
        }
    }

    /// What it accepts, for messages.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Any => "text, a whole number, true or false, or a list of those",
            Self::Bool => "true or false",
            Self::List => "a list of texts",
            Self::Number => "a whole number",
            Self::Text => "text",
            Self::TextBool => "the text \"true\" or \"false\"",
            Self::TextNumber => "digits as text",
        }
    }
}

/// What holding a claim proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimTrust {
    /// An id that is never given to another: it can anchor a policy.
    Anchor,
    /// Something about the job. Narrows an anchored policy.
    Attribute,
    /// A name that can be given up and taken by another: never grants alone.
    Name,
    /// Text that the platform composes of others (`sub`): exact values only.
    Raw,
}

/// Values of a claim that carry a known danger.
#[derive(Clone, Copy, Debug)]
pub struct RefusedValue {
    /// The claim.
    pub claim: &'static str,
    /// Its dangerous values, exactly.
    pub values: &'static [&'static str],
    /// Why they are refused: a sentence that follows "refused, because".
    pub reason: &'static str,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A shared platform with one anchor, for the tests of this crate.
    pub(crate) const SAMPLE: Preset = Preset {
        id: "sample",
        shared: true,
        iss: Some("https://ci.example"),
        audiences: &[],
        algorithms: &[Algorithm::RS256],
        max_age: 600,
        spend: Spend::Once,
        claims: &[
            ClaimSpec::text("sub").trust(ClaimTrust::Raw),
            ClaimSpec::text("project_id").kind(ClaimKind::TextNumber).trust(ClaimTrust::Anchor),
            ClaimSpec::text("project").separators("/").trust(ClaimTrust::Name),
            ClaimSpec::text("property_*"),
            ClaimSpec::text("uid").at(&["ci.example", "uid"]).trust(ClaimTrust::Anchor),
        ],
        open_claims: false,
        anchors: &[&["project_id"]],
        refused: &[],
        require_same: &[],
        everyday: &[],
        run: &["run_id"],
        check: |_, _| Ok(()),
    };

    #[test]
    fn a_claim_is_found_by_name_or_by_prefix() {
        assert_eq!(SAMPLE.claim("project").unwrap().trust, ClaimTrust::Name);
        assert_eq!(SAMPLE.claim("property_tier").unwrap().name, "property_*");
        for unknown in ["property_", "Project", "projects", "", "*"] {
            assert!(SAMPLE.claim(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn a_value_is_read_where_the_platform_puts_it() {
        let claims =
            Claims::parse(br#"{"ci.example":{"uid":"u"},"property_tier":"1","project":null}"#)
                .unwrap();
        assert_eq!(SAMPLE.value("uid", &claims).unwrap().as_text(), Some("u"));
        assert_eq!(SAMPLE.value("property_tier", &claims).unwrap().as_text(), Some("1"));
        assert_eq!(SAMPLE.value("project", &claims), None, "null is absent");
        assert_eq!(SAMPLE.value("other", &claims), None);
    }

    #[test]
    fn a_kind_accepts_one_way_of_writing() {
        let text = |text: &str| ClaimValue::Text(text.into());
        let list = |values: &[ClaimValue]| ClaimValue::List(values.to_vec());
        for (kind, good, bad) in [
            (ClaimKind::Bool, ClaimValue::Bool(true), text("true")),
            (ClaimKind::TextBool, text("true"), ClaimValue::Bool(true)),
            (ClaimKind::TextBool, text("false"), text("True")),
            (ClaimKind::Number, ClaimValue::Integer(1), text("1")),
            (ClaimKind::TextNumber, text("1"), ClaimValue::Integer(1)),
            (ClaimKind::TextNumber, text("01"), text("-1")),
            (ClaimKind::TextNumber, text("9"), text("")),
            (ClaimKind::Text, text("x"), ClaimValue::Integer(1)),
            (ClaimKind::List, list(&[text("x")]), list(&[ClaimValue::Integer(1)])),
            (ClaimKind::List, list(&[]), text("x")),
            (ClaimKind::Any, ClaimValue::Integer(1), ClaimValue::Number("1.5".into())),
            (ClaimKind::Any, list(&[text("x")]), ClaimValue::Object([].into())),
        ] {
            assert!(kind.accepts(&good), "{kind:?} {good:?}");
            assert!(!kind.accepts(&bad), "{kind:?} {bad:?}");
        }
    }
}
