//! Which secrets a command line asks for: `--secret` and `--secrets-file` together.

use std::path::PathBuf;

use segura_model::wanted::{Binding, parse_bindings};

use super::ExecError;
use crate::error::CliError;
use crate::files;

/// Which secrets, and where they go.
#[derive(Debug, clap::Args)]
pub(crate) struct WantedArgs {
    /// A secret and its variable: `path[#field][@version] > NAME`, or `> NAME:file` for
    /// the path of a file that holds it; may be repeated
    #[arg(long = "secret", value_name = "PATH > NAME")]
    secrets: Vec<String>,
    /// A file of such lines; `-` is standard input
    #[arg(long, value_name = "FILE")]
    secrets_file: Option<PathBuf>,
}

impl WantedArgs {
    /// Parse them all. A variable that is named twice is refused, wherever it is named.
    pub(crate) fn bindings(&self) -> Result<Vec<Binding>, CliError> {
        // One text, so that the rules for a whole list hold over both sources.
        let mut lines = self.secrets.join("\n");
        if let Some(path) = &self.secrets_file {
            lines.push('\n');
            lines.push_str(&files::read_text(path, LIMIT)?);
        }
        Ok(parse_bindings(&lines).map_err(ExecError::Bindings)?)
    }
}

/// A hundred lines of a kilobyte, and room for comments.
const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(secrets: &[&str], file: Option<PathBuf>) -> WantedArgs {
        let secrets = secrets.iter().map(|line| (*line).to_owned()).collect();
        WantedArgs { secrets, secrets_file: file }
    }

    #[test]
    fn flags_and_file_are_one_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        std::fs::write(&file, "# the database\ndb/prod/password > DB_PASSWORD\n").unwrap();

        let both = wanted(&["api/key > KEY:file"], Some(file.clone())).bindings().unwrap();
        let shown: Vec<_> = both.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["api/key > KEY:file", "db/prod/password > DB_PASSWORD"]);

        let twice = wanted(&["a > DB_PASSWORD"], Some(file)).bindings().unwrap_err();
        assert!(twice.to_string().contains("bound twice"), "{twice}");
    }

    #[test]
    fn nothing_wanted_is_nothing_bound() {
        assert!(wanted(&[], None).bindings().unwrap().is_empty());
    }
}
