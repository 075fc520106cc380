//! Where this job's identity token comes from: a platform, or a place that was named.
//!
//! A named token (`--token-file`, `--token-env`) replaces only the way to the token.
//! What else the surrounding platform is good for, such as the folder where a GitLab
//! job keeps its session, stays.

use crate::env::Env;
use crate::error::PlatformError;
use crate::job::Job;
use crate::platform::generic::TokenPlace;
use crate::platform::{PLATFORMS, Platform, SessionPlace, Supply, by_id, detect};
use crate::token::IdToken;

/// Where this job's identity token comes from.
pub struct Source {
    named: Option<TokenPlace>,
    platform: Option<&'static dyn Platform>,
}

impl Source {
    /// Take what is named, or else find the platform that this job runs on.
    pub fn find(
        platform: Option<&str>,
        named: Option<TokenPlace>,
        env: &dyn Env,
    ) -> Result<Self, PlatformError> {
        let platform = platform.map(by_id).transpose()?.or_else(|| detect(env));
        if platform.is_none() && named.is_none() {
            let signs: Vec<_> = PLATFORMS.iter().map(|platform| platform.sign()).collect();
            let looked_for = format!("looked for {}", signs.join(", "));
            return Err(PlatformError::NoPlatform { looked_for });
        }
        Ok(Self { named, platform })
    }

    /// Get the job's identity token.
    pub async fn id_token(&self, job: &Job<'_>) -> Result<IdToken, PlatformError> {
        match (&self.named, self.platform) {
            (Some(place), _) => place.id_token(job),
            (None, Some(platform)) => platform.id_token(job).await,
            (None, None) => unreachable!("`find` makes no source of nothing"),
        }
    }

    /// How many tokens the job can have.
    pub fn supply(&self) -> Supply {
        let around = self.platform.map(Platform::supply);
        match (&self.named, around) {
            (Some(_), Some(Supply::OnePerJob)) | (None, None) => Supply::OnePerJob,
            (Some(_), _) => Supply::Standing,
            (None, Some(supply)) => supply,
        }
    }

    /// Where the job can keep its session, if its platform has such a place.
    pub fn session_place(&self, env: &dyn Env) -> Option<SessionPlace> {
        self.platform.and_then(|platform| platform.session_place(env))
    }

    /// The platform's name as people use it, if there is a platform.
    pub fn title(&self) -> Option<&'static str> {
        self.platform.map(Platform::title)
    }

    /// The platform's id, if there is a platform.
    pub fn platform(&self) -> Option<&'static str> {
        self.platform.map(Platform::id)
    }

    /// The variable that holds the token because the caller said so.
    pub fn named_var(&self) -> Option<&str> {
        match &self.named {
            Some(TokenPlace::Var(name)) => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::MapEnv;

    fn find(platform: Option<&str>, named: Option<TokenPlace>, env: &MapEnv) -> Source {
        Source::find(platform, named, env).unwrap()
    }

    #[test]
    fn a_named_token_on_gitlab_keeps_gitlabs_place_for_sessions() {
        let env = MapEnv::new([("GITLAB_CI", "true"), ("CI_JOB_ID", "7")]);
        let source = find(None, Some(TokenPlace::Var("MY_TOKEN".into())), &env);
        assert_eq!(source.supply(), Supply::OnePerJob);
        assert!(source.session_place(&env).is_some());
        assert_eq!(source.named_var(), Some("MY_TOKEN"));
    }

    #[test]
    fn a_named_token_lies_ready() {
        let env = MapEnv::new([("GITHUB_ACTIONS", "true")]);
        let source = find(None, Some(TokenPlace::File("t".into())), &env);
        assert_eq!(source.supply(), Supply::Standing);
        assert_eq!(find(None, None, &env).supply(), Supply::OnDemand);
    }

    #[test]
    fn a_named_platform_is_taken_whatever_the_environment_says() {
        assert_eq!(find(Some("gitlab"), None, &MapEnv::default()).platform(), Some("gitlab"));
    }

    #[test]
    fn errors_say_what_there_is() {
        let error = Source::find(Some("jenkins"), None, &MapEnv::default()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`jenkins` is not a platform: use one of github, gitlab, azure-devops, kubernetes"
        );
        let error = Source::find(None, None, &MapEnv::default()).err().unwrap();
        assert!(error.to_string().contains("GITHUB_ACTIONS"), "{error}");
        assert!(error.to_string().contains("--token-file"), "{error}");
    }
}
