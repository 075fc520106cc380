//! `segura logout`: forget a stored credential.

use serde_json::json;

use crate::context::Context;
use crate::credentials::{self, Credentials};
use crate::error::CliError;
use crate::print::{self, Format};

/// Forget the stored credential of the current broker, or of --url.
///
/// The credential stays valid: `segura operator rotate` replaces it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura logout
  segura logout --url https://segura.example")]
pub(crate) struct Args {}

/// Run `segura logout`.
pub(crate) fn run(_args: Args, context: &Context) -> Result<(), CliError> {
    let path = credentials::path(&context.env)?;
    let mut stored = Credentials::load(&path)?;
    let named = context.globals.url.clone();
    let url = named.or_else(|| stored.current().map(|login| login.url.clone()));
    let removed = url.as_deref().is_some_and(|url| stored.remove(url));
    if removed {
        stored.save(&path)?;
    }
    if context.format() == Format::Json {
        return print::result(Format::Json, &json!({"url": url, "removed": removed}), |_| {
            String::new()
        });
    }
    match url {
        Some(url) if removed => print::note(&format!("forgot the credential for {url}")),
        _ => print::note("no credential is stored: nothing to forget"),
    }
    Ok(())
}
