//! `segura dev token`: mint a token in the running dev world.

use std::path::PathBuf;

use segura_broker::dev::{self, Job};
use segura_model::preset::{ClaimKind, ClaimSpec, Preset};
use segura_plugins::Env;
use segura_plugins::platform::PLATFORMS;
use segura_plugins::sample::SampleJob;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::print;

/// Mint a token, as a CI platform gives one to a job, and write it to standard output.
///
/// What is not said is as in a push to `main` of acme/payments, which has the ids 456789
/// and 123456 (owner) on GitHub, 4711 and 815 (namespace) on GitLab. Who is called
/// otherwise has other ids, derived from the name and the same each time: a fork is a
/// stranger. --claim sets any claim; a value that is JSON is taken as such, so
/// `--claim environment=null` removes one, but digits, `true` and `false` are text where
/// the platform writes that claim as text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura dev token --like github --repository acme/payments --ref refs/heads/main
  segura dev token --like github --repository mallory/payments > fork.token
  segura dev token --like github --event pull_request_target > target.token
  segura dev token --like gitlab --repository acme/payments --claim ref_protected=false")]
pub(crate) struct Args {
    /// The platform: github, gitlab, azure-devops or kubernetes
    #[arg(long, value_name = "PLATFORM")]
    like: String,
    /// Repository (GitHub) or project path (GitLab)
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// Immutable id of the repository or project; else by its name
    #[arg(long, value_name = "ID")]
    repository_id: Option<String>,
    /// Immutable id of the owner or namespace; else by its name
    #[arg(long, value_name = "ID")]
    owner_id: Option<String>,
    /// Git ref, such as refs/heads/main
    #[arg(long = "ref", value_name = "REF")]
    git_ref: Option<String>,
    /// What started the job, such as push or pull_request_target
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Deployment environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Audience; else the dev broker's, or the platform's where it has but one
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// Any claim; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// The world's socket; else $SEGURA_DEV_SOCKET
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
}

/// Run `segura dev token`.
pub(crate) fn run(args: Args, context: &Context) -> Result<(), CliError> {
    let named = args.socket.or_else(|| context.env.filled("SEGURA_DEV_SOCKET").map(PathBuf::from));
    let Some(socket) = named else {
        return Err(CliError::Usage(
            "no dev world is named: run `segura dev` and set SEGURA_DEV_SOCKET as it says, or use --socket"
                .to_owned(),
        ));
    };
    let preset = segura_plugins::preset(&args.like);
    let claims = args.claims.into_iter().map(|(name, text)| {
        let value = written(preset, &name, &text);
        (name, value)
    });
    let claims = claims.collect::<Map<_, _>>();
    let job = Job {
        like: args.like,
        audience: args.audience,
        asked: SampleJob {
            repository: args.repository,
            repository_id: args.repository_id,
            owner_id: args.owner_id,
            git_ref: args.git_ref,
            event: args.event,
            environment: args.environment,
        },
        claims,
    };
    for warning in unlike(&job) {
        print::warning(&warning);
    }
    let token = context.block_on(dev::ask(&socket, &job))?;
    print::result(context.format(), &json!({"token": token}), |_| token.clone())
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The value of a claim as its platform writes it: JSON, or else text.
fn written(preset: Option<&Preset>, name: &str, text: &str) -> Value {
    let spec = preset.and_then(|preset| preset.claims.iter().find(|spec| spec.covers(name)));
    let is_text = spec.is_some_and(|spec| {
        matches!(spec.kind, ClaimKind::Text | ClaimKind::TextBool | ClaimKind::TextNumber)
    });
    match serde_json::from_str(text) {
        Ok(Value::Bool(_) | Value::Number(_)) if is_text => Value::from(text),
        Ok(value) => value,
        Err(_) => Value::from(text),
    }
}

/// What was asked for and no token of the platform ever says.
fn unlike(job: &Job) -> Vec<String> {
    let platform = PLATFORMS.iter().find(|platform| platform.id() == job.like);
    let sample = platform.map(|platform| platform.sample_claims(&job.asked)).unwrap_or_default();
    let specs = segura_plugins::preset(&job.like).map_or(&[][..], |preset| preset.claims);
    let misfit = |spec: &ClaimSpec| {
        let value = job.claims.get(spec.name).or_else(|| sample.get(spec.name))?.as_str()?;
        let told = unlike_form(spec, value)?;
        Some(format!("{told}: tokens of {} have {}", job.like, spec.form.written))
    };
    specs.iter().filter_map(misfit).collect()
}

fn unlike_form(spec: &ClaimSpec, value: &str) -> Option<String> {
    (!spec.may_be(value)).then(|| format!("`{}` is never `{value}`", spec.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_written_as_its_platform_does() {
        let github = segura_plugins::preset("github");
        assert_eq!(written(github, "repository_id", "456789"), "456789");
        assert_eq!(written(github, "ref_protected", "false"), "false");
        assert_eq!(written(github, "repo_property_tier", "1"), "1");
        assert_eq!(written(github, "environment", "null"), Value::Null);
        assert_eq!(written(github, "other", "7"), 7);
        assert_eq!(written(segura_plugins::preset("gitlab"), "runner_id", "7"), 7);
    }

    #[test]
    fn what_no_token_says_is_warned_about() {
        let warnings = |git_ref: &str, repository: &str| {
            let asked = SampleJob {
                git_ref: Some(git_ref.to_owned()),
                repository: Some(repository.to_owned()),
                ..SampleJob::default()
            };
            let (like, claims) = ("github".to_owned(), Map::new());
            unlike(&Job { like, audience: None, asked, claims }).join("\n")
        };
        assert_eq!(warnings("refs/heads/main", "acme/payments"), "");
        let told = warnings("main", "acme/payments");
        assert!(told.contains("`ref` is never `main`") && told.contains("refs/heads/BRANCH"));
        let told = warnings("refs/heads/main", "payments");
        assert!(told.contains("`repository` is never `payments`"), "{told}");
    }

    #[test]
    fn the_usual_job_of_each_platform_draws_no_warning() {
        for like in ["github", "gitlab", "azure-devops", "kubernetes"] {
            let (asked, claims) = (SampleJob::default(), Map::new());
            let told = unlike(&Job { like: like.to_owned(), audience: None, asked, claims });
            assert!(told.is_empty(), "{told:?}");
        }
    }
}
