//! What the demo says and does.

use anyhow::bail;

use super::world::DevWorld;

/// Prints, runs, remembers.
pub(crate) struct Script<'a> {
    world: &'a DevWorld,
    printed: Vec<String>,
}

/// What a step must end with.
enum Expect {
    Success,
    Refusal,
}

impl<'a> Script<'a> {
    pub(crate) const fn new(world: &'a DevWorld) -> Self {
        Self { world, printed: Vec::new() }
    }

    /// Every line so far.
    pub(crate) fn printed(&self) -> &[String] {
        &self.printed
    }

    fn print(&mut self, line: &str) {
        println!("{line}");
        self.printed.push(line.to_owned());
    }

    fn say(&mut self, text: &str) {
        if !self.printed.is_empty() {
            self.print("");
        }
        for line in text.lines() {
            self.print(&format!("# {line}"));
        }
    }

    /// Run a line as printed; its output follows it.
    fn run(&mut self, line: &str, expect: &Expect) -> anyhow::Result<String> {
        self.print(&format!("$ {line}"));
        let output = self.world.shell().arg("-c").arg(format!("{{ {line}\n}} 2>&1")).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in text.lines() {
            self.print(line);
        }
        match (expect, output.status.success()) {
            (Expect::Success, true) | (Expect::Refusal, false) => Ok(text),
            (Expect::Success, false) => bail!("`{line}` should have worked: {}", output.status),
            (Expect::Refusal, true) => bail!("`{line}` should have been refused"),
        }
    }

    fn file(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        self.world.write(name, text)?;
        self.print(&format!("$ cat {name}"));
        for line in text.lines() {
            self.print(line);
        }
        Ok(())
    }
}

const POLICY: &str = "\
policy: payments-deploy
issuer: github
anchor: { repository_id: \"456789\", repository_owner_id: \"123456\" }
claims:
  ref: refs/heads/main
  runner_environment: github-hosted
read: [\"db/prod/*\"]
";

const DEPLOY: &str = "\
#!/bin/sh
echo \"deploying with password $DB_PASSWORD\"
";

/// A job of acme/payments; the ids are the immutable part of who it is.
const JOB: &str = "segura dev token --like github --repository acme/payments --repository-id 456789 --owner-id 123456";

/// The whole demo.
///
/// # Errors
/// When a step does not end as promised.
pub(crate) fn play(script: &mut Script<'_>) -> anyhow::Result<()> {
    main_job(script)?;
    refusals(script)?;
    script.say("All of it is in the ledger, a chain of hashes that shows any change.");
    script.run("segura audit ls --event delivery", &Expect::Success)?;
    script.run("segura audit ls --outcome refused --limit 3", &Expect::Success)?;
    script.run("segura audit verify", &Expect::Success)?;
    Ok(())
}

fn main_job(script: &mut Script<'_>) -> anyhow::Result<()> {
    script.say("A broker with a vault, and an issuer that signs tokens as GitHub does, are running on loopback.\nAn operator stores a secret, and says which workload may read it.");
    script.run(
        "echo 'correct-horse-battery' | segura secret put db/prod/password",
        &Expect::Success,
    )?;
    script.file("policy.yaml", POLICY)?;
    script.run("segura policy apply -f policy.yaml", &Expect::Success)?;

    script.say("The job: it holds no secret, only the token that says who it is.");
    script.file("deploy.sh", DEPLOY)?;
    script.run(&format!("{JOB} --ref refs/heads/main > job.token"), &Expect::Success)?;
    script.run("segura exec --token-file job.token --secret 'db/prod/password > DB_PASSWORD' -- sh deploy.sh", &Expect::Success)?;
    Ok(())
}

fn refusals(script: &mut Script<'_>) -> anyhow::Result<()> {
    script.say("The same token a second time: a token is spent once.");
    script.run("segura exec --token-file job.token --secret 'db/prod/password > DB_PASSWORD' -- sh deploy.sh", &Expect::Refusal)?;

    script.say("A pull_request_target job of the same repository runs with a stranger's input. Its owner learns why not.");
    script.run(&format!("{JOB} --event pull_request_target > target.token"), &Expect::Success)?;
    script.run("segura exec --token-file target.token --secret 'db/prod/password > DB_PASSWORD' -- sh deploy.sh", &Expect::Refusal)?;

    script.say(
        "The same workflow in a fork: the token is genuine, the ids are not. It learns nothing.",
    );
    script.run(
        "segura dev token --like github --repository mallory/payments --repository-id 999 --owner-id 666 > fork.token",
        &Expect::Success,
    )?;
    script.run("segura exec --token-file fork.token --secret 'db/prod/password > DB_PASSWORD' -- sh deploy.sh", &Expect::Refusal)?;
    Ok(())
}
