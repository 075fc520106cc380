//! Ask a platform's token service, again where that helps.
//!
//! Such services fail in bursts when many jobs start at once, so a 429, a 5xx or a
//! lost answer is asked for again. Any other refusal will not change and is not.

use std::time::Duration;

use segura_model::SecretText;
use serde::Deserialize;

use crate::error::PlatformError;
use crate::job::{Http, HttpError, TokenRequest};
use crate::token::IdToken;

/// A token service: how it is called in messages, and what helps when it refuses.
pub(super) struct Service {
    pub(super) platform: &'static str,
    pub(super) advice: &'static str,
    /// Where in the answer's JSON the token stands.
    pub(super) read: fn(&[u8]) -> Option<SecretText>,
}

impl Service {
    pub(super) async fn ask(
        &self,
        request: &TokenRequest<'_>,
        http: &dyn Http,
    ) -> Result<IdToken, PlatformError> {
        let mut failure = (None, None);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                http.pause(FIRST_PAUSE * (1 << (attempt - 1))).await;
            }
            failure = match http.send(request).await {
                Ok(answer) if answer.status == 200 => {
                    // EXPOSE: the answer is read here and nowhere else.
                    return self.token(answer.body.expose());
                }
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    (Some(answer.status), None)
                }
                Ok(answer) => return Err(self.refused(answer.status)),
                Err(error) => (None, Some(error)),
            };
        }
        Err(self.unavailable(failure))
    }

    fn token(&self, body: &[u8]) -> Result<IdToken, PlatformError> {
        let text = (self.read)(body).ok_or(PlatformError::Answer { platform: self.platform })?;
        IdToken::parse(&text).map_err(|why| PlatformError::NotAToken {
            place: format!("the answer of {}", self.platform),
            why,
        })
    }

    fn refused(&self, status: u16) -> PlatformError {
        PlatformError::Refused { platform: self.platform, status, advice: self.advice }
    }

    fn unavailable(&self, (status, source): (Option<u16>, Option<HttpError>)) -> PlatformError {
        PlatformError::Unavailable { platform: self.platform, attempts: ATTEMPTS, status, source }
    }
}

/// Read `{"<field>": "<token>"}`; other members are left alone.
pub(super) fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

const ATTEMPTS: u32 = 5;
/// 0.25 s, then doubling: 3.75 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
pub(super) mod fake {
    //! A token service from a list of answers.

    use std::sync::Mutex;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use segura_model::SecretBytes;

    use super::*;
    use crate::env::MapEnv;
    use crate::job::{Files, Job, TokenAnswer};

    /// Answers in order; `None` is a lost connection. Remembers what was asked.
    #[derive(Default)]
    pub(crate) struct FakeHttp {
        answers: Mutex<Vec<Option<(u16, &'static str)>>>,
        pub(crate) asked: Mutex<Vec<String>>,
        pub(crate) paused: Mutex<Duration>,
    }

    impl FakeHttp {
        pub(crate) fn answering(
            answers: impl IntoIterator<Item = Option<(u16, &'static str)>>,
        ) -> Self {
            let mut answers: Vec<_> = answers.into_iter().collect();
            answers.reverse();
            Self { answers: Mutex::new(answers), ..Self::default() }
        }
    }

    impl Http for FakeHttp {
        fn send<'a>(
            &'a self,
            request: &'a TokenRequest<'a>,
        ) -> BoxFuture<'a, Result<TokenAnswer, HttpError>> {
            self.asked.lock().unwrap().push(format!(
                "{:?} {} {}",
                request.method,
                request.url,
                request.bearer.expose()
            ));
            let answer = self.answers.lock().unwrap().pop().expect("asked more often than planned");
            let lost = || HttpError { host: "tokens.example".into(), source: "reset".into() };
            let answer = answer
                .map(|(status, body)| TokenAnswer { status, body: SecretBytes::new(body) })
                .ok_or_else(lost);
            async { answer }.boxed()
        }

        fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
            *self.paused.lock().unwrap() += time;
            async {}.boxed()
        }
    }

    /// A file system with one file, or none.
    #[derive(Default)]
    pub(crate) struct FakeFiles(pub(crate) Option<(&'static str, &'static str)>);

    impl Files for FakeFiles {
        fn read(&self, path: &std::path::Path, _: usize) -> std::io::Result<SecretBytes> {
            match self.0 {
                Some((name, text)) if path == std::path::Path::new(name) => {
                    Ok(SecretBytes::new(text))
                }
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
    }

    /// A job for `https://segura.example`.
    pub(crate) fn job<'a>(env: &'a MapEnv, files: &'a FakeFiles, http: &'a FakeHttp) -> Job<'a> {
        Job { audience: "https://segura.example", env, files, http }
    }
}
