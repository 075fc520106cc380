//! `segura server`: run the broker.

use std::sync::Arc;

use segura_broker::{startup, telemetry};
use segura_model::SystemClock;
use segura_vault::SystemRandom;

use crate::context::Context;
use crate::error::CliError;
use crate::settings::{ConfigFile, Overrides};

/// Run the broker until SIGTERM or SIGINT.
///
/// Settings come from the configuration file, over that from the environment
/// (SEGURA_SERVER__LISTEN), over that from flags. `segura init` writes a file in which
/// each is explained.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura server --config /etc/segura/segura.toml
  segura server --listen 127.0.0.1:8443 --set telemetry.format=text")]
pub(crate) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    overrides: Overrides,
}

/// Run `segura server`.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let config = args.file.load_with(&args.overrides, context)?;
    // Until the runtime is gone, so that the last spans are among what is sent.
    let _traces = telemetry::init(&config.telemetry, &context.env)
        .map_err(|error| CliError::Logger(error.into()))?;
    startup::harden();
    context.block_on_server(async {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let server = startup::build(config, clock, random, &context.env).await?;
        server.run().await
    })
}
