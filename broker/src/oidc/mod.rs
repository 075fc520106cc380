//! Who is calling: an identity token becomes a [`Workload`](segura_model::Workload).
//!
//! The order of the steps is the security of this room. The form, the header and the
//! claims are parsed strictly; the *unverified* `iss` and `aud` serve one purpose, to
//! find the issuer entry in our allow-list; only then is anything fetched or computed;
//! only after the signature is a claim believed. `jsonwebtoken` does the signature and
//! nothing else: what it lets through is refused by the layer before it.
//!
//! Adding a check: a variant of [`Refusal`], the check where its input is first known,
//! a row in `catalogue.rs`.

mod claims;
mod compact;
mod discovery;
mod error;
mod fetch;
mod header;
mod issuers;
mod jwks;
mod key;
mod keys;
mod pace;
mod replay;
mod roca;
mod shelf;
mod signature;
mod verifier;

pub use claims::{ClaimError, LEEWAY, MAX_LIFETIME};
pub use compact::{FormError, MAX_TOKEN};
pub use discovery::{DevIssuers, DiscoveryError};
pub use error::{Refusal, VerifyError};
pub use fetch::{Fetch, FetchError, FetchRequest, Fetched, MAX_DOCUMENT};
pub use header::HeaderError;
pub use issuers::{IssuerSet, IssuerSetError};
pub use jwks::{KeySet, KeySetError, MAX_KEYS};
pub use key::KeyError;
pub use keys::{KeyStatus, KeysError};
pub use shelf::{KeyShelf, MemoryShelf, ShelfError, ShelvedKeys};
pub use verifier::{Verified, Verifier};

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod wycheproof;

/// Read a JSON object. A derived struct would also take an array, member by member.
fn object<'de, T: serde::Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(serde::de::Error::custom("expected a JSON object"));
    }
    serde_json::from_slice(json)
}

/// Text of a stranger, fit for a message: short, one line, plain ASCII.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect::<String>().escape_default().collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// How many characters of a stranger's text a message repeats.
const SHOWN: usize = 120;
