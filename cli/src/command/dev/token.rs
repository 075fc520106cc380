//! `segura dev token`: mint a token in the running dev world.

use std::path::PathBuf;

use segura_broker::dev::{self, Job};
use segura_plugins::Env;
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
/// `--claim environment=null` removes one.
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
    claims: Vec<(String, Value)>,
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
        claims: args.claims.into_iter().collect::<Map<_, _>>(),
    };
    let token = context.block_on(dev::ask(&socket, &job))?;
    print::result(context.format(), &json!({"token": token}), |_| token.clone())
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}
