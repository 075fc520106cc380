//! A JSON body, strictly: its type, its size, its depth, each member once and known.
//!
//! Refusing unknown and repeated members is the work of the target type
//! (`deny_unknown_fields`; derived structs refuse repetition). A refusal repeats no value
//! of the body, because bodies carry secrets: only the place and the rule.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::body::{BodyRules, bad};
use crate::http::error::ApiError;

/// A JSON body of at most `LIMIT` bytes (64 KiB unless a route says otherwise).
#[derive(Debug)]
pub struct StrictJson<T, const LIMIT: usize = 65_536>(pub T);

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for StrictJson<T, LIMIT> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let rules = BodyRules::check(request, "application/json", LIMIT);
        let payload = payload.take();
        async move { parse(&rules?.read(payload).await?).map(Self) }.boxed_local()
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if depth(body) > MAX_DEPTH {
        return Err(bad("body-too-deep", format!("JSON may nest {MAX_DEPTH} deep")));
    }
    // A derived struct would also take an array, member by member.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad("body-malformed", "the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.inner());
        let place = if path == "." { String::new() } else { format!(" at `{path}`") };
        bad(
            "body-malformed",
            format!("the body is not what this route takes{place}: {}", rule(error)),
        )
    })?;
    json.end().map_err(|_| bad("body-malformed", "something follows the JSON of the body"))?;
    Ok(parsed)
}

/// What `serde` says, without the values it repeats.
fn rule(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let repeats_a_value = ["invalid type", "invalid value", "invalid length"];
    match said.rsplit_once(", expected ") {
        Some((_, expected)) if repeats_a_value.iter().any(|start| said.starts_with(start)) => {
            format!("expected {expected}")
        }
        _ => said,
    }
}

/// How deep arrays and objects nest, brackets inside strings not counted.
fn depth(body: &[u8]) -> usize {
    let (mut deepest, mut depth, mut in_string, mut escaped) = (0, 0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use segura_model::{Kind, SecretText};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        secret: Option<SecretText>,
    }

    async fn post(headers: &[(&'static str, &'static str)], body: &[u8]) -> Result<Body, ApiError> {
        let mut request = TestRequest::post();
        for header in headers {
            request = request.insert_header(*header);
        }
        let (request, mut payload) = request.set_payload(body.to_vec()).to_http_parts();
        StrictJson::<Body, 64>::from_request(&request, &mut payload).await.map(|json| json.0)
    }

    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

    #[actix_web::test]
    async fn a_fitting_body_is_read() {
        let body = post(JSON, br#"{"name":"x"}"#).await.unwrap();
        assert_eq!(body.name, "x");
        assert!(body.secret.is_none());
        let charset = [("content-type", "application/json; charset=utf-8")];
        assert!(post(&charset, br#"{"name":"x"}"#).await.is_ok());
    }

    #[actix_web::test]
    async fn a_body_of_another_type_or_encoding_is_refused() {
        for headers in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
            &[("content-type", "application/json"), ("content-encoding", "br")],
        ] {
            let error = post(headers, br#"{"name":"x"}"#).await.unwrap_err();
            assert_eq!(error.class().kind, Kind::BadRequest, "{headers:?}");
        }
    }

    #[actix_web::test]
    async fn a_long_body_is_refused_whether_it_says_so_or_not() {
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(64));
        assert_eq!(post(JSON, long.as_bytes()).await.unwrap_err().class().kind, Kind::TooLarge);

        let (request, _) = TestRequest::post().insert_header(JSON[0]).to_http_parts();
        let mut chunked = Payload::from(Bytes::from(long));
        let error = StrictJson::<Body, 64>::from_request(&request, &mut chunked).await.unwrap_err();
        assert_eq!(error.class().kind, Kind::TooLarge);
    }

    #[actix_web::test]
    async fn unknown_and_repeated_members_and_trailing_text_are_refused() {
        for body in [
            &br#"{"name":"x","other":1}"#[..],
            br#"{"name":"x","name":"y"}"#,
            br#"{"name":"x"} {}"#,
            br#"{"name":"x"}]"#,
            br"{}",
            br"[]",
            br#"["x"]"#,
            b"",
            b"{\"name\":\"\xff\"}",
        ] {
            assert!(post(JSON, body).await.is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_refusal_repeats_no_value() {
        let error = parse::<Body>(br#"{"name":"x","secret":12345678}"#).unwrap_err();
        assert!(error.detail().contains("secret") && !error.detail().contains("1234"), "{error}");
        let error = parse::<Body>(br#""hunter2, expected nothing""#).unwrap_err();
        assert!(!error.detail().contains("hunter2"), "{error}");
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        assert_eq!(depth(br#"{"a":[1,{"b":"[[[[\"[["}]}"#), 3);
        let deep = [vec![b'['; 33], vec![b']'; 33]].concat();
        assert_eq!(parse::<serde_json::Value>(&deep).unwrap_err().class().code, "body-too-deep");
        let deepest = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert!(parse::<serde_json::Value>(&deepest).is_err());
    }
}
