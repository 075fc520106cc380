//! What the broker believes of a token of an issuer that nobody knows beforehand.
//!
//! Whether many tenants share it cannot be known either, so it counts as shared until
//! its entry says `shared: false`; then a policy must pin `sub`.

use segura_model::issuer::{Algorithm, Spend};
use segura_model::preset::Preset;

use super::claims::CLAIMS;

/// Any other OpenID issuer.
pub static PRESET: Preset = Preset {
    id: "oidc",
    shared: true,
    iss: None,
    audiences: &[],
    algorithms: &[Algorithm::RS256],
    max_age: 600,
    spend: Spend::Once,
    claims: CLAIMS,
    open_claims: true,
    anchors: &[&["sub"]],
    refused: &[],
    require_same: &[],
    everyday: &[],
    run: &["jti"],
    check: |_, _| Ok(()),
};

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::platform::testing::decides;

    #[test]
    fn an_exact_subject_grants() {
        let policy = "policy: a\nissuer: ci\nanchor: { sub: job-1 }\nread: ['db/**']";
        assert!(decides(&PRESET, policy, &sample::oidc("job-1")));
        assert!(!decides(&PRESET, policy, &sample::oidc("job-2")));
    }

    #[test]
    fn without_a_subject_nothing_is_granted() {
        let policy = "policy: a\nissuer: ci\nclaims: { team: payments }\nread: ['db/**']";
        let mut claims = sample::oidc("job-1");
        claims["team"] = "payments".into();
        assert!(!decides(&PRESET, policy, &claims));
    }
}
