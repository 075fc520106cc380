//! A GitHub job's token: one `GET` to the address that the runner hands to each step.
//!
//! Every step of a job can do this, third-party actions too: the job is the boundary.

use segura_model::SecretText;
use serde::Deserialize;

use crate::error::PlatformError;
use crate::job::{Job, TokenMethod, TokenRequest};
use crate::percent;
use crate::platform::mint::{Service, read_json};
use crate::token::IdToken;

pub(super) async fn id_token(job: &Job<'_>) -> Result<IdToken, PlatformError> {
    let url = job.env.filled(REQUEST_URL).ok_or_else(|| not_offered(REQUEST_URL))?;
    let bearer = job.env.filled(REQUEST_TOKEN).ok_or_else(|| not_offered(REQUEST_TOKEN))?;
    let bearer = SecretText::new(bearer);

    // The runner's address has a query already; another runner's might not.
    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}audience={}", percent::encode(job.audience));
    SERVICE.ask(&TokenRequest { method: TokenMethod::Get, url, bearer: &bearer }, job.http).await
}

fn not_offered(variable: &str) -> PlatformError {
    PlatformError::NotOffered {
        platform: "GitHub Actions",
        what: format!("{variable} is not set, so the job lacks the permission `id-token: write`"),
        advice: ADVICE,
    }
}

#[derive(Deserialize)]
struct Answer {
    value: SecretText,
}

const SERVICE: Service = Service {
    platform: "GitHub Actions",
    advice: "the job's request token may have expired, or the organisation forbids identity tokens",
    read: |body| read_json::<Answer>(body).map(|answer| answer.value),
};

pub(super) const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
pub(super) const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const ADVICE: &str = "\
Add it to the job (or to the whole workflow) in its YAML:

    permissions:
      contents: read
      id-token: write

A reusable workflow needs it in the calling job as well. A pull request from a fork never gets it, and \
inside another `segura exec` it is taken away: let the outer one fetch what the inner one needs.";

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::env::MapEnv;
    use crate::platform::mint::fake::{FakeFiles, FakeHttp, job};

    const OK: Option<(u16, &str)> = Some((200, r#"{"count":9,"value":"aa.bb.cc"}"#));

    fn ask(http: &FakeHttp) -> Result<IdToken, PlatformError> {
        let env = MapEnv::new([
            (REQUEST_URL, "https://tokens.example/x?api-version=2.0"),
            (REQUEST_TOKEN, "request-token"),
        ]);
        id_token(&job(&env, &FakeFiles::default(), http)).now_or_never().unwrap()
    }

    #[test]
    fn a_token_is_asked_for_with_our_audience() {
        let http = FakeHttp::answering([OK]);
        assert_eq!(ask(&http).unwrap().text().expose(), "aa.bb.cc");
        let url = "https://tokens.example/x?api-version=2.0&audience=https%3A%2F%2Fsegura.example";
        assert_eq!(*http.asked.lock().unwrap(), [format!("Get {url} request-token")]);
    }

    #[test]
    fn a_service_that_stumbles_is_asked_again() {
        let http = FakeHttp::answering([Some((503, "")), None, Some((429, "")), OK]);
        assert!(ask(&http).is_ok());
        assert_eq!(http.paused.lock().unwrap().as_millis(), 250 + 500 + 1000);
    }

    #[test]
    fn a_service_that_stays_down_is_given_up() {
        let error = ask(&FakeHttp::answering([Some((500, "")); 5])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token service of GitHub Actions did not give a token, asked 5 times (last status 500)"
        );
    }

    #[test]
    fn a_refusal_is_not_asked_again() {
        let error = ask(&FakeHttp::answering([Some((401, "secret words"))])).unwrap_err();
        assert!(matches!(error, PlatformError::Refused { status: 401, .. }));
        assert!(!error.to_string().contains("secret words"));
    }

    #[test]
    fn an_answer_without_a_token_is_an_error() {
        for body in ["", "{}", r#"{"value":7}"#, r#"{"value":"<html>"}"#] {
            assert!(ask(&FakeHttp::answering([Some((200, body))])).is_err(), "{body}");
        }
    }

    #[test]
    fn a_job_without_the_permission_is_told_which_yaml_to_write() {
        let http = FakeHttp::default();
        let env = MapEnv::new([("GITHUB_ACTIONS", "true")]);
        let files = FakeFiles::default();
        let error = id_token(&job(&env, &files, &http)).now_or_never().unwrap().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("permission `id-token: write`"), "{text}");
        assert!(
            text.contains("    permissions:\n      contents: read\n      id-token: write"),
            "{text}"
        );
    }
}
