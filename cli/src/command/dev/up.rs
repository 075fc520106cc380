//! `segura dev`: start the world and say what to try.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segura_broker::dev::{DevOptions, DevWorld, Facts};
use segura_broker::startup;
use segura_model::SystemClock;
use segura_vault::SystemRandom;
use serde_json::json;

use super::scratch::Scratch;
use crate::context::Context;
use crate::error::CliError;
use crate::print::{self, Format};

/// Where the world is.
#[derive(Debug, clap::Args)]
pub(crate) struct World {
    /// Make the world in this new folder and keep it; else in a scratch folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The broker's port on loopback; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

/// Run `segura dev`.
pub(crate) fn run(args: &World, context: &Context) -> Result<(), CliError> {
    startup::harden();
    let scratch =
        Scratch::make().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
    let folder = match &args.dir {
        Some(folder) => absolute(folder)?,
        None => scratch.path().join("world"),
    };
    let options = DevOptions {
        folder,
        port: args.port,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    context.block_on_server(async move {
        let world = DevWorld::make(options).await?;
        let stop = startup::stop_signal()?;
        say(world.facts(), context.format())?;
        world.run_until(stop).await.map_err(CliError::from)
    })
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    let error = |source: io::Error| CliError::Write { path: path.to_owned(), source };
    std::path::absolute(path).map_err(error)
}

fn say(facts: &Facts, format: Format) -> Result<(), CliError> {
    let env = json!({
        "SEGURA_URL": facts.url,
        "SEGURA_CA_CERT": facts.ca_cert,
        "SEGURA_TOKEN_FILE": facts.token_file,
        "SEGURA_DEV_SOCKET": facts.socket,
    });
    match format {
        // One line: whoever starts a world reads the first line and knows that it is up.
        Format::Json => print::raw(format!("{}\n", json!({"facts": facts, "env": env})).as_bytes()),
        Format::Person => print::text(&for_a_person(facts)),
    }
}

/// All of it can be pasted into a shell as it stands: what is prose is a comment, and no
/// line is indented, because the end of a here-document must not be.
fn for_a_person(facts: &Facts) -> String {
    format!(
        "# A CI world is up: broker {url}, issuers {issuers}.
# It is for trying things, on this machine only, and ends with Ctrl-C.

# In another shell:
export SEGURA_URL={url}
export SEGURA_CA_CERT={ca}
export SEGURA_TOKEN_FILE={token}
export SEGURA_DEV_SOCKET={socket}

# Store a secret, and say which workload may read it:
echo 'correct-horse-battery' | segura secret put db/prod/password
segura policy apply -f - <<'EOF'
policy: payments-deploy
issuer: github
anchor: {{ repository_id: \"456789\", repository_owner_id: \"123456\" }}
claims: {{ ref: refs/heads/main, runner_environment: github-hosted }}
read: [\"db/prod/*\"]
EOF

# Be a job of acme/payments, which has that repository's ids:
segura dev token --like github > job.token
segura exec --token-file job.token --secret 'db/prod/password > DB_PASSWORD' -- sh -c 'echo $DB_PASSWORD'

# Then see who read what, and try what is refused:
segura audit ls
segura dev token --like github --event pull_request_target > target.token
segura policy explain --job-token target.token
",
        url = facts.url,
        issuers = facts.issuers.join(", "),
        ca = quoted(&facts.ca_cert),
        token = quoted(&facts.token_file),
        socket = quoted(&facts.socket),
    )
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_is_one_word_for_the_shell() {
        assert_eq!(quoted(Path::new("/tmp/world/ca.pem")), "/tmp/world/ca.pem");
        assert_eq!(quoted(Path::new("/tmp/my world/ca.pem")), "'/tmp/my world/ca.pem'");
    }
}
