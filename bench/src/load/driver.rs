//! The conductor's side of the load generator.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};

use super::plan::{Outcome, Plan};

/// A load generator that waits to begin; killed when dropped.
pub(crate) struct Driver {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Start it and wait until its requests are made and its connections open.
    pub(crate) fn prepare(plan: &Plan) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the load generator")?;
        let input = child.stdin.take().context("its standard input is a pipe")?;
        let output = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        let mut driver = Self { child, input, output };
        driver.say(&serde_json::to_string(plan)?)?;
        ensure!(driver.hear()?.trim() == "ready", "the load generator did not get ready");
        Ok(driver)
    }

    /// Let it run to its end.
    pub(crate) fn go(mut self) -> anyhow::Result<Outcome> {
        self.say("go")?;
        let outcome = self.hear()?;
        serde_json::from_str(&outcome).context("the load generator failed; its words are above")
    }

    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{line}").context("the load generator has ended")
    }

    fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
