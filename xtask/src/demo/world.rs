//! A `segura dev` world in a scratch folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;

use crate::run;

/// A running world; gone, with its folder, when dropped.
pub(crate) struct DevWorld {
    child: Child,
    folder: TempDir,
    facts: Value,
}

impl DevWorld {
    /// Start it and wait until it says where everything is.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("segura-demo-").tempdir()?;
        let mut child = Command::new(binary())
            .args(["dev", "--json", "--dir"])
            .arg(folder.path().join("world"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start `segura dev`")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("stdout is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let facts = serde_json::from_str(&line).context("`segura dev --json` says where it is")?;
        Ok(Self { child, folder, facts })
    }

    /// A shell in the scratch folder, with `segura` on the path and the world's environment.
    pub(crate) fn shell(&self) -> Command {
        let mut command = Command::new("sh");
        let bin = binary().parent().map(Path::to_path_buf).unwrap_or_default();
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
            .stdin(Stdio::null());
        for (name, fact) in self.facts["env"].as_object().into_iter().flatten() {
            command.env(name, fact.as_str().unwrap_or_default());
        }
        command
    }

    /// Put a file into the scratch folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        std::fs::write(self.folder.path().join(name), text).map_err(Into::into)
    }
}

impl Drop for DevWorld {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        if Command::new("kill").args(["-TERM", &pid]).status().is_ok() {
            let _ = self.child.wait();
        }
    }
}

fn binary() -> PathBuf {
    run::target().join("debug/segura")
}
