//! Who this job is: where its identity token comes from, and for whom it is.

use std::path::PathBuf;

use segura_plugins::{
    Env, Files, IdToken, Job, PlatformError, SessionPlace, Source, Supply, TokenPlace,
};

use super::http::{DiskFiles, TokenHttp};
use crate::context::Context;
use crate::error::CliError;

/// How to prove who this job is. `--token-file` is a global flag.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct IdentityArgs {
    /// Whom the identity token is for; else $SEGURA_AUDIENCE, else the broker's URL
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// The CI platform, if it should not be recognised by itself: github, gitlab,
    /// azure-devops or kubernetes
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// The variable that holds the identity token
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
}

impl IdentityArgs {
    /// The variable that was named, which a child does not inherit.
    pub(crate) fn named_var(&self) -> Option<&str> {
        self.token_env.as_deref()
    }
}

/// This job's identity.
pub(crate) struct Identity<'a> {
    source: Source,
    audience: String,
    env: &'a dyn Env,
    http: TokenHttp,
}

impl<'a> Identity<'a> {
    /// Find the platform, or take what the flags name. Asks nobody anything yet.
    pub(crate) fn find(
        args: &IdentityArgs,
        broker_url: &str,
        context: &'a Context,
    ) -> Result<Self, CliError> {
        let env: &dyn Env = &context.env;
        let named = named_token(args, context.globals.token_file.clone())?;
        let source = find_source(args.platform.as_deref(), named, env);
        let given = args.audience.clone().or_else(|| env.filled("SEGURA_AUDIENCE"));
        let audience = given.unwrap_or_else(|| broker_url.trim_end_matches('/').to_owned());
        let source = source.map_err(super::ExecError::Platform)?;
        Ok(Self { source, audience, env, http: TokenHttp::new(env) })
    }

    /// Get the identity token.
    pub(crate) async fn token(&self) -> Result<IdToken, PlatformError> {
        let job = Job {
            audience: &self.audience,
            env: self.env,
            files: &DiskFiles as &dyn Files,
            http: &self.http,
        };
        self.source.id_token(&job).await
    }

    /// How many tokens the job can have.
    pub(crate) fn supply(&self) -> Supply {
        self.source.supply()
    }

    /// Where the job keeps its session, if it should keep one.
    pub(crate) fn session_place(&self) -> Option<SessionPlace> {
        self.source.session_place(self.env)
    }

    /// The variables that a child must not have: whatever platform this is, it could
    /// have inherited another's.
    pub(crate) fn token_vars(&self) -> Vec<String> {
        let named = self.source.named_var().map(str::to_owned);
        let all = segura_plugins::token_vars().chain(["SEGURA_TOKEN_FILE"]);
        all.map(str::to_owned).chain(named).collect()
    }
}

fn named_token(
    args: &IdentityArgs,
    token_file: Option<PathBuf>,
) -> Result<Option<TokenPlace>, CliError> {
    match (&args.token_env, token_file) {
        (Some(_), Some(_)) => Err(CliError::Usage(
            "--token-file and --token-env both name the identity token: give one".to_owned(),
        )),
        (Some(name), None) => Ok(Some(TokenPlace::Var(name.clone()))),
        (None, Some(path)) => Ok(Some(TokenPlace::File(path))),
        (None, None) => Ok(None),
    }
}

/// `SEGURA_TOKEN_FILE` comes last: on a machine where it names an operator's
/// credential, a CI platform's own token is still the one that is meant.
fn find_source(
    platform: Option<&str>,
    named: Option<TokenPlace>,
    env: &dyn Env,
) -> Result<Source, PlatformError> {
    match (Source::find(platform, named, env), env.filled("SEGURA_TOKEN_FILE")) {
        (Err(PlatformError::NoPlatform { .. }), Some(path)) => {
            Source::find(platform, Some(TokenPlace::File(path.into())), env)
        }
        (found, _) => found,
    }
}

#[cfg(test)]
mod tests {
    use segura_plugins::MapEnv;

    use super::*;
    use crate::cli::Globals;

    fn context(vars: &[(&str, &str)]) -> Context {
        Context::new(MapEnv::new(vars.iter().copied()), Globals::default())
    }

    fn audience(args: &IdentityArgs, context: &Context) -> String {
        Identity::find(args, "https://segura.example/", context).unwrap().audience
    }

    #[test]
    fn the_audience_is_the_flags_then_the_variables_then_the_brokers() {
        let flag = IdentityArgs { audience: Some("flag".into()), ..IdentityArgs::default() };
        let set = context(&[("GITHUB_ACTIONS", "true"), ("SEGURA_AUDIENCE", "variable")]);
        let unset = context(&[("GITHUB_ACTIONS", "true"), ("SEGURA_AUDIENCE", "")]);
        assert_eq!(audience(&flag, &set), "flag");
        assert_eq!(audience(&IdentityArgs::default(), &set), "variable");
        assert_eq!(audience(&IdentityArgs::default(), &unset), "https://segura.example");
    }

    #[test]
    fn a_token_file_in_the_environment_is_only_for_machines_without_a_platform() {
        let file = ("SEGURA_TOKEN_FILE", "/run/token");
        let args = IdentityArgs::default();
        let bare = context(&[file]);
        assert_eq!(Identity::find(&args, "u", &bare).unwrap().supply(), Supply::Standing);
        let job = context(&[file, ("GITHUB_ACTIONS", "true")]);
        assert_eq!(Identity::find(&args, "u", &job).unwrap().supply(), Supply::OnDemand);
    }

    #[test]
    fn a_child_gets_no_platforms_token_variables() {
        let args = IdentityArgs { token_env: Some("MY_TOKEN".into()), ..IdentityArgs::default() };
        let context = context(&[]);
        let vars = Identity::find(&args, "u", &context).unwrap().token_vars();
        for name in [
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "SEGURA_ID_TOKEN",
            "SYSTEM_ACCESSTOKEN",
            "SEGURA_TOKEN_FILE",
            "MY_TOKEN",
        ] {
            assert!(vars.iter().any(|var| var == name), "{name}");
        }
    }
}
