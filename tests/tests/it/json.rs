//! With `--json` every command that changes something says what it did, as one JSON
//! object on standard output.

use std::collections::BTreeSet;

use acceptance::world::text;
use acceptance::{Database, Run, World, segura};
use serde_json::{Value, json};

use crate::main_job::{POLICY, claims, github_world};

/// Commands that change nothing, that run until they are stopped, or whose output is their
/// command's; and two that have a test of their own below.
const OTHERS: [&str; 25] = [
    "audit head",
    "audit ls",
    "audit tail",
    "audit verify",
    "ca show",
    "config check",
    "dev",
    "dev token",
    "exec",
    "issuer ls",
    "issuer show",
    "keyring rewrap",
    "keyring show",
    "operator ls",
    "operator recover",
    "policy explain",
    "policy ls",
    "policy schema",
    "policy show",
    "secret get",
    "secret history",
    "secret ls",
    "server",
    "session ls",
    "whoami",
];

/// Every command that has no commands below it, from the help.
fn leaves(above: &[&str], found: &mut BTreeSet<String>) {
    let help = Run::of(segura().args(above).arg("--help")).ok().stdout;
    let below: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        // What is further to the right goes on with the line before.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    if below.is_empty() || above == ["dev"] {
        found.insert(above.join(" "));
    }
    for name in below {
        leaves(&[above, &[name]].concat(), found);
    }
}

/// Run commands, and note which.
struct Commands<'a> {
    world: &'a World,
    seen: BTreeSet<String>,
}

impl Commands<'_> {
    /// The object that the command with this name prints, with these arguments behind it.
    fn run(&mut self, name: &str, arguments: &[&str]) -> Value {
        self.run_with(name, arguments, &[])
    }

    fn run_with(&mut self, name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Value {
        let words: Vec<&str> = name.split(' ').collect();
        let line = [&["--json"][..], &words, arguments].concat();
        let mut command = self.world.admin(&line);
        command.env("XDG_CONFIG_HOME", self.world.path("config")).envs(env.iter().copied());
        let run = Run::of(&mut command).ok();
        let answer = run.json();
        assert!(answer.is_object(), "{name}: {run:?}");
        self.seen.insert(name.to_owned());
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_something_says_so_in_json() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let mut commands = Commands { world: &world, seen: BTreeSet::new() };
    let file = |name: &str, content: &str| text(&world.write(name, content));

    let entry = json!({
        "issuer": "other", "preset": "github", "iss": issuer.url(), "insecure_loopback": true,
        "audiences": ["https://other.test"],
    });
    commands.run("issuer apply", &["-f", &file("other.json", &entry.to_string())]);
    assert_eq!(commands.run("issuer rm", &["other", "--yes"])["removed"], "other");
    let pending =
        POLICY.replace("payments-deploy", "later").replace("anchor: {", "description: x #");
    commands.run("policy apply", &["-f", &file("later.yaml", &pending)]);
    let pinned = commands.run("policy pin", &["later", "repository_id=456789"]);
    assert_eq!(pinned["state"], "active");
    assert_eq!(commands.run("policy rm", &["later", "--yes"])["removed"], "later");
    commands.run("secret put", &["a/b", &format!("value=@{}", file("value", "hunter2"))]);
    assert_eq!(commands.run("secret rm", &["a/b", "--yes"])["path"], "a/b");
    commands.run("operator add", &["ana", "--role", "author"]);
    commands.run("operator rotate", &["ana"]);
    assert_eq!(commands.run("operator rm", &["ana", "--yes"])["removed"], "ana");
    assert!(commands.run("keyring roll", &[])["generation"].is_number());

    let answer = world.deliver(&issuer.token(&claims()), &["db/prod/password"]).await;
    let session = answer.body["session"]["id"].as_str().expect("a session").to_owned();
    assert_eq!(commands.run("session end", &[&session])["id"], session);
    assert_eq!(commands.run("session revoke", &["--all", "--yes"])["scope"], "all");

    let job = file("job.token", &issuer.token(&claims()));
    let (kept, folder) = (text(&world.path("kept")), text(&world.path("")));
    let (to_env, output) = (text(&world.path("env")), text(&world.path("output")));
    let runner = [("RUNNER_TEMP", &*folder), ("GITHUB_ENV", &to_env), ("GITHUB_OUTPUT", &output)];
    let wanted =
        ["--token-file", &job, "--secret", "db/prod/password > P", "--session-file", &kept];
    let exported = commands.run_with("export", &wanted, &runner);
    assert_eq!((&exported["exported"], &exported["to"]), (&json!(["P"]), &json!("env")));
    let ended = commands.run("session end", &["--session-file", &kept]);
    assert_eq!(ended["sessions"], json!([{ "id": exported["session"], "ended": true }]));
    assert_eq!(commands.run("session end", &["--session-file", &kept])["sessions"], json!([]));

    assert_eq!(commands.run("login", &[])["name"], "admin");
    assert_eq!(commands.run("logout", &[])["removed"], true);
    assert_eq!(commands.run("logout", &[])["removed"], false);
    let (config, data) = (text(&world.path("new.toml")), text(&world.path("new")));
    let init = ["--url", "https://segura.test:8443", "--config", &config, "--data-dir", &data];
    assert_eq!(commands.run("init", &init)["changed"], true);

    let mut all = BTreeSet::new();
    leaves(&[], &mut all);
    commands.seen.extend(OTHERS.map(ToOwned::to_owned));
    assert_eq!(all, commands.seen, "each command is in one of the two lists");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_on_the_machine_itself_says_so_in_json() {
    let world = World::prepare(Database::Sqlite).await;
    let config = text(&world.config());
    let new = text(&world.path("new.key"));
    for line in
        [&["operator", "recover", "ana"][..], &["keyring", "rewrap", "--new-key-file", &new]]
    {
        let run = Run::of(segura().arg("--json").args(line).args(["--config", &config])).ok();
        assert!(run.json().is_object(), "{run:?}");
    }
}
