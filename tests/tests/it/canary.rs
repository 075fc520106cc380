//! No secret value in any log, error or ledger, at any level.

use acceptance::world::text;
use acceptance::{Database, Run, on_each_database, segura};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::main_job::{claims, github_world};

const CANARY: &str = "canary-7f3a9c51-never-in-a-log";

on_each_database! {
    async fn the_canary_is_nowhere(database: Database) {
        let (mut world, issuer) = github_world(database).await;
        world.stop();
        // The most talkative log there is.
        world.set("telemetry.level=trace");
        world.add_node().await;
        let mut said = String::new();

        world.put_secret("db/prod/canary", CANARY);
        let token = issuer.token(&claims());
        let answer = world.deliver(&token, &["db/prod/canary"]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["secrets"][0]["fields"]["value"], CANARY, "it does arrive");
        let session = answer.body["session"]["token"].as_str().expect("a session").to_owned();
        for wanted in [["db/prod/canary#nothing"], ["db/prod/root"], ["db/prod/canary@9"]] {
            said += &world.deliver(&issuer.token(&claims()), &wanted).await.body.to_string();
        }
        let file = world.write("token", &issuer.token(&claims()));
        let exec = Run::of(segura()
            .args(["exec", "--url", &world.url(), "--ca-cert", &text(&world.authority()), "--token-file", &text(&file)])
            .args(["--secret", "db/prod/canary > CANARY", "--", "sh", "-c", "echo $CANARY; echo $CANARY | base64; echo $CANARY >&2"]));
        assert_eq!(exec.code, 0, "{exec:?}");
        assert!(exec.stdout.contains("***"));
        said += &exec.stdout;
        said += &exec.stderr;
        let ledger = world.administer(&["audit", "ls", "--json", "--limit", "1000"]).stdout;
        assert!(ledger.contains("db/prod/canary"), "the ledger names the path");
        said += &ledger;
        world.stop();

        let (logs, data) = (log_files(&world), data_files(&world));
        // What is searched can be read: the log names routes, never paths, and the data of
        // PostgreSQL is elsewhere.
        assert!(logs.contains("/api/v2/deliveries"), "{logs}");
        assert!(data.contains("db/prod/canary") || database == Database::Postgres);
        let everything = [said, logs.clone(), data].concat();
        for form in [CANARY.to_owned(), STANDARD.encode(CANARY), hex(CANARY)] {
            assert!(!everything.contains(&form), "the canary leaked as {form}: {}", around(&everything, &form));
        }
        assert!(!logs.contains(&session), "the session token is in a log");
        assert!(!logs.contains(&token), "the identity token is in a log");
    }
}

/// What the first server has logged; the second one took its place.
fn log_files(world: &acceptance::World) -> String {
    std::fs::read_to_string(world.path("node-0.log")).expect("a log")
}

/// Every file of the data directory, as bytes read loosely as text.
fn data_files(world: &acceptance::World) -> String {
    let folder = std::fs::read_dir(world.path("data")).expect("a data directory");
    let files = folder.map(|entry| entry.expect("a file").path()).filter(|path| path.is_file());
    let bytes = files.map(|path| std::fs::read(path).expect("it is ours"));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

fn hex(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}

fn around<'a>(text: &'a str, form: &str) -> &'a str {
    let at = text.find(form).unwrap_or_default();
    let start = text.floor_char_boundary(at.saturating_sub(200));
    &text[start..text.ceil_char_boundary((at + 100).min(text.len()))]
}
