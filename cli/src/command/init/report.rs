//! What `init` did, for a person or a program; the credential is in it once.

use std::path::PathBuf;

use segura_broker::local::Made;
use segura_broker::service::operators::Credential;
use serde_json::json;

use super::plan::Plan;
use crate::error::CliError;
use crate::files::Reserved;
use crate::print::{self, Format};

/// What was made.
#[derive(Default)]
pub(crate) struct Report {
    made: Made,
    /// Where the credential is, if not shown.
    credential_file: Option<PathBuf>,
    /// Where one was to be, had one been made.
    unwritten: Option<PathBuf>,
}

impl Report {
    /// Nothing was made.
    pub(crate) fn nothing(credential_file: Option<PathBuf>) -> Self {
        Self { unwritten: credential_file, ..Self::default() }
    }

    /// Put the credential into its file, if there is one.
    pub(crate) fn new(made: Made, file: Option<Reserved>) -> Result<Self, CliError> {
        let (credential_file, unwritten) = match (&made.credential, file) {
            (Some(credential), Some(file)) => (Some(file.fill(line(credential).as_bytes())?), None),
            (None, Some(file)) => (None, Some(file.path().to_owned())),
            (_, None) => (None, None),
        };
        Ok(Self { made, credential_file, unwritten })
    }

    /// Print it.
    pub(crate) fn print(&self, plan: &Plan, format: Format) -> Result<(), CliError> {
        if let Some(path) = &self.unwritten {
            print::warning(&format!(
                "no credential was written to {}: this broker has operators already; \
                 `segura operator rotate`, or `operator recover`, makes a new one",
                path.display()
            ));
        }
        let lines = self.lines(plan);
        print::result(format, &self.machine(plan), |_| lines.join("\n"))
    }

    fn lines(&self, plan: &Plan) -> Vec<String> {
        let mut lines = Vec::new();
        if plan.new_file.is_some() {
            lines.push(format!("settings        {}", plan.path.display()));
        }
        if let Some(path) = &self.made.key_file {
            lines.push(format!("guard           {}", path.display()));
            lines.push(
                "                keep a copy apart from the data: without it the data is lost"
                    .to_owned(),
            );
        }
        if let Some(fingerprint) = &self.made.fingerprint {
            lines.push(format!("authority       SHA-256 {fingerprint}"));
            lines.push("                clients trust what `segura ca show` prints".to_owned());
        }
        if let Some(credential) = &self.made.credential {
            lines.push(self.operator(credential));
        }
        if lines.is_empty() {
            let path = plan.path.display();
            lines.push(format!("{path}: everything is there already; nothing was changed"));
        }
        lines.push(format!("next            segura server --config {}", plan.path.display()));
        lines
    }

    fn operator(&self, credential: &Credential) -> String {
        let (name, until) = (&credential.operator.name, credential.operator.expires_at);
        match &self.credential_file {
            Some(path) => {
                format!("operator        {name}, until {until}: credential in {}", path.display())
            }
            None => format!(
                "operator        {name}, until {until}; the credential is shown this once:\n\
                 \n{}",
                line(credential)
            ),
        }
    }

    fn machine(&self, plan: &Plan) -> serde_json::Value {
        let shown = self.made.credential.as_ref().filter(|_| self.credential_file.is_none());
        let operator = self.made.credential.as_ref().map(|credential| {
            json!({
                "name": credential.operator.name,
                "role": credential.operator.role,
                "expires_at": credential.operator.expires_at,
                "credential_file": self.credential_file,
                "token": shown.map(|credential| line(credential).trim_end().to_owned()),
            })
        });
        let changed = plan.new_file.is_some()
            || self.made.key_file.is_some()
            || self.made.fingerprint.is_some()
            || operator.is_some();
        json!({
            "changed": changed,
            "config": plan.path,
            "data_dir": plan.config.server.data_dir,
            "key_file": self.made.key_file,
            "authority_fingerprint": self.made.fingerprint,
            "operator": operator,
            "warnings": plan.warnings(),
        })
    }
}

fn line(credential: &Credential) -> String {
    // EXPOSE: the command hands the first credential over, this once.
    format!("{}\n", credential.token.expose())
}
