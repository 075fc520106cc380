//! What may be wrong with a refused token, by what it says itself: that it is over, or that
//! its audience is the broker's address in another spelling.
//!
//! The broker compares audiences to the letter and tells strangers nothing, so this is
//! where a job learns of a slash too many. What the token says is only looked at, never
//! believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use segura_model::{Classify, Clock, Kind, SecretText, SystemClock, Timestamp};
use segura_sdk::SdkError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::print;

/// The broker at `url` refused what was asked with this identity token: warn if its end or
/// the spelling of its audience may be why.
pub(crate) fn explain(error: &SdkError, token: &SecretText, url: &str) {
    if !matches!(error.class().kind, Kind::Forbidden | Kind::Unauthenticated) {
        return;
    }
    if let Some(seconds) = over_since(token, SystemClock.now()) {
        print::warning(&format!(
            "the identity token says that it expired {seconds} s ago, by this machine's clock: \
             get a new one, or begin the job anew where it has only one"
        ));
    }
    if let Some(given) = misspelled(token, url) {
        let meant = bare(url);
        print::warning(&format!(
            "the identity token is for the audience `{given}`, and the broker is `{meant}`: the \
             same address in another spelling, which is another audience. Have the token made for \
             `{meant}` (`aud:` under GitLab's `id_tokens:`; elsewhere leave --audience, \
             SEGURA_AUDIENCE and the action's `audience` out), unless the issuer entry names it so"
        ));
    }
}

/// The token's audience, if it differs from the URL in its spelling alone.
fn misspelled(token: &SecretText, url: &str) -> Option<String> {
    let given = match claims::<Aimed>(token)?.aud {
        Audience::One(aud) => aud,
        Audience::List(list) => list.into_iter().next()?,
    };
    let parsed = Url::parse(given.trim()).ok()?;
    (bare(parsed.as_str()) == bare(url) && given != bare(url)).then_some(given)
}

/// For how many seconds the token has been over.
fn over_since(token: &SecretText, now: Timestamp) -> Option<i64> {
    let seconds = now.since(Timestamp(claims::<Ending>(token)?.exp));
    (seconds > 0).then_some(seconds)
}

fn claims<T: DeserializeOwned>(token: &SecretText) -> Option<T> {
    // EXPOSE: the claims are not what is secret of a token; its signature is left out.
    let payload = token.expose().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn bare(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[derive(Deserialize)]
struct Aimed {
    aud: Audience,
}

#[derive(Deserialize)]
struct Ending {
    exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    List(Vec<String>),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(aud: &serde_json::Value) -> Option<String> {
        let payload = URL_SAFE_NO_PAD.encode(json!({ "aud": aud }).to_string());
        let token = SecretText::new(format!("e30.{payload}.c2ln"));
        misspelled(&token, "https://segura.example/")
    }

    #[test]
    fn a_token_that_is_over_is_told_for_how_long() {
        let of = |claims: serde_json::Value| {
            let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
            over_since(&SecretText::new(format!("e30.{payload}.c2ln")), Timestamp(1000))
        };
        assert_eq!(of(json!({ "exp": 400 })), Some(600));
        for still in
            [json!({ "exp": 1000 }), json!({ "exp": 1001 }), json!({}), json!({ "exp": "1" })]
        {
            assert_eq!(of(still.clone()), None, "{still}");
        }
    }

    #[test]
    fn only_another_spelling_of_the_brokers_address_is_told() {
        for aud in [
            "https://segura.example/",
            "https://segura.example:443",
            "https://Segura.Example",
            "HTTPS://segura.example//",
        ] {
            assert_eq!(told(&json!(aud)).as_deref(), Some(aud));
            assert_eq!(told(&json!([aud])).as_deref(), Some(aud));
        }
        for aud in ["https://segura.example", "https://other.example/", "api://azure", ""] {
            assert_eq!(told(&json!(aud)), None, "{aud}");
        }
        assert_eq!(told(&json!(7)), None);
        assert_eq!(misspelled(&SecretText::new("e30.!.c2ln"), "https://segura.example/"), None);
    }
}
