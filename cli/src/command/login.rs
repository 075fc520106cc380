//! `segura login`: check an operator's credential and store it.
//!
//! The credential is tried before it is stored, so that a wrong one is noticed now and
//! not by the next script.

use std::path::Path;

use serde_json::json;

use crate::context::Context;
use crate::credentials::{self, Credentials, Login};
use crate::error::CliError;
use crate::print::{self, Format};
use crate::{files, terminal};

/// Store an operator's credential, and the CA to trust, for later calls.
///
/// The credential is read from --token-file, or from standard input without being shown.
/// It is stored in $XDG_CONFIG_HOME/segura/credentials.toml, readable by you alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  segura login --url https://segura.example --ca-cert ca.pem
  segura login --url https://segura.example --token-file operator.token")]
pub(crate) struct Args {}

/// Run `segura login`.
pub(crate) fn run(_args: Args, context: &Context) -> Result<(), CliError> {
    let path = credentials::path(&context.env)?;
    let token = if let Some(path) = context.token_file() {
        files::read_operator_token(&path)?
    } else {
        let token = terminal::read_token_input("Operator credential (sgo_…): ")?;
        files::check_operator_token(&token, Path::new("-"))?;
        token
    };
    let (client, options) = context.client_and_options()?;
    let me = context.block_on(client.operator(token.clone()).itself())?;

    let mut stored = Credentials::load(&path)?;
    stored.put(Login {
        url: options.url.clone(),
        ca_pem: options.ca_pem.and_then(|pem| String::from_utf8(pem).ok()),
        token,
    });
    stored.save(&path)?;
    let answer = json!({"url": options.url, "name": me.name, "role": me.role, "file": path});
    if context.format() == Format::Json {
        return print::result(Format::Json, &answer, |_| String::new());
    }
    print::note(&format!(
        "logged in to {} as {} ({}); stored in {}",
        options.url,
        me.name,
        me.role,
        path.display()
    ));
    Ok(())
}
