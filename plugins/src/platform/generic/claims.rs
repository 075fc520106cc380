//! The claims that every OpenID issuer knows; a policy may name others as well.

use segura_model::preset::{ClaimSpec, ClaimTrust};

/// What is known of them beforehand.
pub const CLAIMS: &[ClaimSpec] = &[
    ClaimSpec::text("sub").trust(ClaimTrust::Raw).hint(
        "never given to another within one issuer (OpenID Connect Core 1.0, section 2), so an \
         exact value can anchor a policy",
    ),
    name("email").hint("an address can change hands: use sub"),
    name("name"),
    name("preferred_username").hint("a name can be taken by another: use sub"),
];

const fn name(name: &'static str) -> ClaimSpec {
    ClaimSpec::text(name).trust(ClaimTrust::Name)
}
