//! No secret value, and no token, in any log, error or ledger, at any level, nor in what the
//! command line says.

use acceptance::world::text;
use acceptance::{Database, Run, TokenIssuer, World, on_each_database, segura};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::main_job::{claims, github_world};

const CANARY: &str = "canary-7f3a9c51-never-in-a-log";

on_each_database! {
    async fn the_canary_is_nowhere(database: Database) {
        let (mut world, issuer) = github_world(database).await;
        world.stop();
        // The most talkative log there is.
        world.set("telemetry.level=trace");
        world.add_node().await;
        let mut seen = Seen { tokens: vec![("the operator's token", world.credential_text())], ..Seen::default() };

        writes(&world, &mut seen);
        let denials = deliveries(&world, &issuer, &mut seen).await;
        reads(&world, &mut seen);
        explanations(&world, &issuer, &denials, &mut seen);
        jobs(&world, &issuer, &mut seen);
        ledger(&world, &mut seen);
        let url = world.url();
        world.stop();
        // Nobody is there any more.
        seen.fails(world.admin_at(&url, &["secret", "put", "db/prod/canary", &inline(), "--timeout", "1s"]));

        let (logs, data) = (log_files(&world), data_files(&world));
        // What is searched can be read: the log names routes, never paths, and the data of
        // PostgreSQL is elsewhere.
        assert!(logs.contains("/api/v2/deliveries"), "{logs}");
        assert!(data.contains("db/prod/canary") || database == Database::Postgres);
        seen.said.push(("the log".to_owned(), logs));
        seen.said.push(("the data".to_owned(), data));
        seen.search();
    }
}

/// What was said where, and what must not be in it.
#[derive(Default)]
struct Seen {
    /// By whom, and what.
    said: Vec<(String, String)>,
    /// What they are, and they.
    tokens: Vec<(&'static str, String)>,
}

impl Seen {
    /// Run this; what it prints may hold neither secret nor token.
    fn run(&mut self, mut command: std::process::Command) -> Run {
        let run = Run::of(&mut command);
        self.said.push((format!("{command:?}"), format!("{}\n{}", run.stdout, run.stderr)));
        run
    }

    fn succeeds(&mut self, command: std::process::Command) -> Run {
        self.run(command).ok()
    }

    fn fails(&mut self, command: std::process::Command) -> Run {
        let run = self.run(command);
        assert!(run.code != 0 && !run.stderr.is_empty(), "{run:?}");
        run
    }

    /// An identity token, which nobody repeats.
    fn token(&mut self, issuer: &TokenIssuer) -> String {
        let token = issuer.token(&claims());
        self.tokens.push(("an identity token", token.clone()));
        token
    }

    fn search(&self) {
        assert!(self.tokens.len() > 10 && self.said.len() > 40, "there is something to search");
        let canary = forms(CANARY.as_bytes());
        for (by, said) in &self.said {
            for form in &canary {
                assert!(!said.contains(form), "{by}: the canary as {form}: {}", around(said, form));
            }
            for (what, token) in &self.tokens {
                assert!(!said.contains(token), "{by}: {what}: {}", around(said, token));
            }
        }
    }
}

/// Writes of the canary that work, and writes that do not.
fn writes(world: &World, seen: &mut Seen) {
    let inline = inline();
    let file = world.write("canary.value", CANARY);
    let from_file = format!("value=@{}", text(&file));
    let put = |more: &[&str]| world.admin(&[&["secret", "put"][..], more].concat());
    seen.succeeds(put(&["db/prod/canary", &from_file]));
    seen.succeeds(put(&["db/prod/canary", &inline, "--json"]));
    for wrong in [
        &["db/prod/canary", &inline, "--expected-version", "9"][..],
        &["db/prod/canary", &inline, &inline],
        &["db/prod/canary", &inline, "--max-age", "soon"],
        &["db/prod/canary", &format!("no name={CANARY}")],
        &["db/prod/canary", &format!("={CANARY}")],
        &["db/prod/canary", CANARY],
        &["db/prod/Canary", &inline],
        &["db//canary", &inline],
    ] {
        seen.fails(put(wrong));
        seen.fails(put(&[wrong, &["--json"]].concat()));
    }
    let auditor = world.path("auditor.token");
    let add = ["operator", "add", "eve", "--role", "auditor", "--credential-file"];
    seen.succeeds(world.admin(&[&add[..], &[&text(&auditor)]].concat()));
    let token = std::fs::read_to_string(&auditor).expect("`operator add` wrote it");
    seen.tokens.push(("an auditor's token", token.trim().to_owned()));
    for verb in [&["put", "db/prod/canary", &inline][..], &["get", "db/prod/canary"]] {
        let mut command = world.admin(&[&["secret"], verb].concat());
        command.env("SEGURA_TOKEN_FILE", &auditor);
        seen.fails(command);
    }
    let nobody = world.write("nobody.token", "sgo_nobody");
    let mut command = put(&["db/prod/canary", &inline]);
    command.env("SEGURA_TOKEN_FILE", nobody);
    seen.fails(command);
}

fn inline() -> String {
    format!("value={CANARY}")
}

/// A delivery of the canary, and those that are refused; the ids of these.
async fn deliveries(world: &World, issuer: &TokenIssuer, seen: &mut Seen) -> Vec<String> {
    let token = seen.token(issuer);
    let answer = world.deliver(&token, &["db/prod/canary"]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["secrets"][0]["fields"]["value"], CANARY, "it does arrive");
    let session = answer.body["session"]["token"].as_str().expect("a session").to_owned();
    seen.tokens.push(("a session token", session));
    let mut refused = vec![world.deliver(&token, &["db/prod/canary"]).await];
    for wanted in ["db/prod/canary#nothing", "db/prod/root", "db/prod/canary@9"] {
        refused.push(world.deliver(&seen.token(issuer), &[wanted]).await);
    }
    seen.said
        .extend(refused.iter().map(|answer| ("a refusal".to_owned(), answer.body.to_string())));
    let denials = refused.iter().map(|answer| answer.body["denial"].as_str().map(str::to_owned));
    denials.collect::<Option<_>>().expect("each has an id")
}

/// Reads that fail, and what is told of a secret without its value. One that works prints it.
fn reads(world: &World, seen: &mut Seen) {
    let read = Run::of(&mut world.admin(&["secret", "get", "db/prod/canary"])).ok();
    assert!(read.stdout.contains(CANARY), "it is printed when it is asked for");
    seen.said.push(("secret get, beside the value".to_owned(), read.stderr));
    for wrong in ["db/prod/canary#nothing", "db/prod/canary@9", "db/prod/none", "db//canary"] {
        seen.fails(world.admin(&["secret", "get", wrong]));
        seen.fails(world.admin(&["secret", "get", wrong, "--json"]));
    }
    for told in [&["history", "db/prod/canary"][..], &["ls"]] {
        seen.succeeds(world.admin(&[&["secret"], told].concat()));
    }
}

fn explanations(world: &World, issuer: &TokenIssuer, denials: &[String], seen: &mut Seen) {
    let token = world.write("explained.token", &seen.token(issuer));
    let mut sources: Vec<Vec<String>> =
        denials.iter().map(|id| vec!["--denial".to_owned(), id.clone()]).collect();
    for wanted in ["db/prod/canary", "db/prod/root"] {
        let of_token = ["--job-token", &text(&token), "--secret", wanted].map(str::to_owned);
        sources.push(of_token.to_vec());
    }
    for source in &sources {
        let line: Vec<&str> =
            ["policy", "explain"].into_iter().chain(source.iter().map(String::as_str)).collect();
        seen.succeeds(world.admin(&line));
        seen.succeeds(world.admin(&[&line[..], &["--json"]].concat()));
    }
}

/// What jobs run, with a token of their own each.
fn jobs(world: &World, issuer: &TokenIssuer, seen: &mut Seen) {
    let job = |verb: &[&str], token: &str, rest: &[&str]| {
        let file = world.write("job.token", token);
        let mut command = segura();
        command.args(verb).args(["--url", &world.url(), "--ca-cert", &text(&world.authority())]);
        command.args(["--token-file", &text(&file)]).args(rest);
        command
    };
    for more in [&[][..], &["--json"]] {
        let token = seen.token(issuer);
        seen.succeeds(job(&["whoami"], &token, more));
    }
    // At each of the three places in a group of base64.
    let echo = "echo $CANARY; echo $CANARY >&2; \
                for before in '' a ab; do printf \"$before$CANARY-and-more\" | base64 -w0; echo; done; \
                printf $CANARY | od -An -tx1 | tr -d ' \\n'";
    let canary = "db/prod/canary > CANARY";
    let exec = |token: &str, secret: &str, script: &str| {
        job(&["exec"], token, &["--secret", secret, "--", "sh", "-c", script])
    };
    let token = seen.token(issuer);
    let run = seen.succeeds(exec(&token, canary, echo));
    assert!(run.stdout.contains("***") && run.stderr.contains("***"), "{run:?}");
    assert_eq!(run.stdout.matches("***").count(), 5, "{run:?}");
    // Spent, refused, failed.
    seen.fails(exec(&token, canary, echo));
    for (secret, script) in [
        ("db/prod/root > CANARY", echo),
        ("db/prod/canary#nothing > CANARY", echo),
        (canary, "echo $CANARY; echo $CANARY >&2; exit 3"),
    ] {
        let token = seen.token(issuer);
        seen.fails(exec(&token, secret, script));
    }
    let session = world.path("session");
    let token = seen.token(issuer);
    let keep = ["--session-file", &text(&session), "--secret", canary, "--", "true"];
    seen.succeeds(job(&["exec"], &token, &keep));
    let kept = std::fs::read_to_string(&session).expect("the session is kept");
    let kept = kept[kept.find("sgr_").expect("a session token")..].split(['"', '\n']).next();
    seen.tokens.push(("a kept session token", kept.expect("it is text").to_owned()));
}

fn ledger(world: &World, seen: &mut Seen) {
    let json = seen.succeeds(world.admin(&["audit", "ls", "--json", "--limit", "1000"]));
    assert!(json.stdout.contains("db/prod/canary"), "the ledger names the path");
    for verb in [&["audit", "ls"][..], &["audit", "verify"], &["session", "ls"], &["policy", "ls"]]
    {
        seen.succeeds(world.admin(verb));
    }
}

/// What the first server has logged; the second one took its place.
fn log_files(world: &World) -> String {
    std::fs::read_to_string(world.path("node-0.log")).expect("a log")
}

/// Every file of the data directory, as bytes read loosely as text.
fn data_files(world: &World) -> String {
    let folder = std::fs::read_dir(world.path("data")).expect("a data directory");
    let files = folder.map(|entry| entry.expect("a file").path()).filter(|path| path.is_file());
    let bytes = files.map(|path| std::fs::read(path).expect("it is ours"));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// The bytes as they are, in hexadecimal, and in base64 wherever in a group they begin.
fn forms(bytes: &[u8]) -> Vec<String> {
    let plain = String::from_utf8(bytes.to_vec()).expect("a canary is text");
    let hex = hex(bytes);
    let mut forms = vec![plain, hex.to_uppercase(), hex];
    for offset in 0..3 {
        let shifted = [&[0; 2][..offset], bytes].concat();
        // Only the characters that nothing before and nothing after has a part in.
        let (first, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(alphabet.encode(&shifted)[first..end].to_owned());
        }
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

fn around<'a>(text: &'a str, form: &str) -> &'a str {
    let at = text.find(form).unwrap_or_default();
    let start = text.floor_char_boundary(at.saturating_sub(200));
    &text[start..text.ceil_char_boundary((at + 100).min(text.len()))]
}

#[test]
fn a_canary_is_found_in_base64_wherever_it_stands() {
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "y", "yz"] {
            let encoded = URL_SAFE_NO_PAD.encode(format!("{before}{CANARY}{after}"));
            assert!(
                forms(CANARY.as_bytes()).iter().any(|form| encoded.contains(form)),
                "{encoded}"
            );
        }
    }
}
