//! A new credential, shown once: on standard output, or in a file of mode 0600.
//!
//! The file is made before the credential is, so that a path that cannot be written
//! is noticed while there is nothing to lose.

use std::path::Path;

use segura_model::SecretText;
use segura_model::api::OperatorCredential;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::files;
use crate::print::{self, Format};

/// Where a new credential goes.
pub(crate) struct Destination {
    file: Option<files::Reserved>,
}

impl Destination {
    /// Standard output, or a file that must not exist yet.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, CliError> {
        Ok(Self { file: file.map(files::Reserved::new).transpose()? })
    }

    /// Hand a credential over, as the answer to `add`, `rotate` or `recover`.
    pub(crate) fn deliver(
        self,
        credential: &OperatorCredential,
        context: &Context,
    ) -> Result<(), CliError> {
        let OperatorCredential { name, role, expires_at, .. } = credential;
        let words = format!("operator {name} ({role}), until {expires_at}");
        match self.file {
            Some(file) => {
                let path = file.fill(&line(&credential.token))?;
                let answer = json!({
                    "id": credential.id,
                    "name": name,
                    "role": role,
                    "expires_at": expires_at,
                    "credential_file": path,
                });
                print::result(context.format(), &answer, |_| {
                    format!("{words}: the credential is in {}", path.display())
                })
            }
            None if context.format() == Format::Json => {
                print::result(Format::Json, credential, |_| String::new())
            }
            None => {
                print::note(&format!("{words}; the credential is shown this once:"));
                print::raw(&line(&credential.token))
            }
        }
    }
}

fn line(token: &SecretText) -> Vec<u8> {
    // EXPOSE: the command exists to hand the credential over.
    format!("{}\n", token.expose()).into_bytes()
}
