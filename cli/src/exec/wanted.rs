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
        let mut sources: Vec<(String, String)> = Vec::with_capacity(self.secrets.len() + 1);
        for (at, text) in self.secrets.iter().enumerate() {
            let number =
                if self.secrets.len() > 1 { format!(" {}", at + 1) } else { String::new() };
            sources.push((format!("--secret{number}"), text.clone()));
        }
        if let Some(path) = &self.secrets_file {
            sources.push((files::shown(path).to_string(), files::read_text(path, LIMIT)?));
        }
        // One text, so that the rules for a whole list hold over all sources.
        let texts: Vec<_> = sources.iter().map(|(_, text)| text.as_str()).collect();
        let parsed = parse_bindings(&texts.join("\n"));
        Ok(parsed.map_err(|error| ExecError::Bindings {
            place: place(error.line, &sources),
            fault: error.fault,
        })?)
    }
}

/// Where a line of the joined text stands.
fn place(mut line: usize, sources: &[(String, String)]) -> String {
    for (name, text) in sources {
        let lines = text.split('\n').count();
        if line <= lines {
            let alone = lines == 1 && name.starts_with("--");
            return if alone { name.clone() } else { format!("{name}, line {line}") };
        }
        line -= lines;
    }
    format!("line {line}")
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
    fn a_fault_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        std::fs::write(&file, "# the database\ndb/prod/password > P\n\nbad line\n").unwrap();
        let told =
            |secrets: &[&str], file| wanted(secrets, file).bindings().unwrap_err().to_string();
        assert!(told(&["a > 1"], None).starts_with("--secret: `1`"));
        assert!(told(&["a > A", "b"], None).starts_with("--secret 2: `b`"));
        assert!(told(&["a > A\nb"], None).starts_with("--secret, line 2: `b`"));
        let at = format!("{}, line 4: `bad line`", file.display());
        for flags in [&[][..], &["a > A"], &["a > A", "b > B"]] {
            let told = told(flags, Some(file.clone()));
            assert!(told.starts_with(&at), "{told}");
        }
    }

    #[test]
    fn nothing_wanted_is_nothing_bound() {
        assert!(wanted(&[], None).bindings().unwrap().is_empty());
    }
}
