//! An Azure Pipelines job's token: one `POST` with the job's access token.
//!
//! The agent sets the address by itself; the access token reaches a script only if its
//! step maps it. The audience is not ours to ask for.

use segura_model::SecretText;
use serde::Deserialize;

use crate::error::PlatformError;
use crate::job::{Job, TokenMethod, TokenRequest};
use crate::platform::mint::{Service, read_json};
use crate::token::IdToken;

pub(super) async fn id_token(job: &Job<'_>) -> Result<IdToken, PlatformError> {
    // A macro that the agent does not know stays in place as it was written: `$(…)`.
    let filled = |name: &str| job.env.filled(name).filter(|value| !value.starts_with("$("));
    let url = filled(REQUEST_URI).ok_or_else(|| not_offered(REQUEST_URI))?;
    let bearer = filled(ACCESS_TOKEN).ok_or_else(|| not_offered(ACCESS_TOKEN))?;
    let bearer = SecretText::new(bearer);

    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}api-version=7.1");
    SERVICE.ask(&TokenRequest { method: TokenMethod::Post, url, bearer: &bearer }, job.http).await
}

fn not_offered(variable: &str) -> PlatformError {
    PlatformError::NotOffered {
        platform: "Azure Pipelines",
        what: format!("the variable {variable} is not set"),
        advice: ADVICE,
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "oidcToken")]
    token: SecretText,
}

const SERVICE: Service = Service {
    platform: "Azure Pipelines",
    advice: "the job's access token may have expired, or may not ask for identity tokens in this project",
    read: |body| read_json::<Answer>(body).map(|answer| answer.token),
};

pub(super) const ACCESS_TOKEN: &str = "SYSTEM_ACCESSTOKEN";
pub(super) const REQUEST_URI: &str = "SYSTEM_OIDCREQUESTURI";

const ADVICE: &str = "\
A script step sees the job's access token only if its YAML maps it:

    - script: segura exec --secret 'db/prod/password > DB_PASSWORD' -- ./deploy.sh
      env:
        SYSTEM_ACCESSTOKEN: $(System.AccessToken)

Inside another `segura exec` it is taken away: let the outer one fetch what the inner one needs.";

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::env::MapEnv;
    use crate::platform::mint::fake::{FakeFiles, FakeHttp, job};

    fn ask(token: &str, http: &FakeHttp) -> Result<IdToken, PlatformError> {
        let env = MapEnv::new([
            (REQUEST_URI, "https://dev.azure.example/acme/oidctoken"),
            (ACCESS_TOKEN, token),
        ]);
        id_token(&job(&env, &FakeFiles::default(), http)).now_or_never().unwrap()
    }

    #[test]
    fn a_token_is_posted_for() {
        let http = FakeHttp::answering([Some((200, r#"{"oidcToken":"aa.bb.cc"}"#))]);
        assert_eq!(ask("access", &http).unwrap().text().expose(), "aa.bb.cc");
        let url = "https://dev.azure.example/acme/oidctoken?api-version=7.1";
        assert_eq!(*http.asked.lock().unwrap(), [format!("Post {url} access")]);
    }

    #[test]
    fn a_step_that_does_not_map_the_access_token_is_told_which_yaml_to_write() {
        for token in ["", "$(System.AccessToken)"] {
            let text = ask(token, &FakeHttp::default()).unwrap_err().to_string();
            assert!(text.contains("SYSTEM_ACCESSTOKEN: $(System.AccessToken)"), "{text}");
        }
    }
}
