//! No secret value in any log, error or ledger, at any level.

use acceptance::world::text;
use acceptance::{Run, on_each_database, segura};
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

        let everything = [said, log_files(&world), data_files(&world)].concat();
        for form in [CANARY.to_owned(), STANDARD.encode(CANARY), hex(CANARY)] {
            assert!(!everything.contains(&form), "the canary leaked as {form}: {}", around(&everything, &form));
        }
        assert!(!log_files(&world).contains(&session), "the session token is in a log");
        assert!(!log_files(&world).contains(&token), "the identity token is in a log");
    }
}

fn log_files(world: &acceptance::World) -> String {
    let logs = ["node-0.log", "node-1.log"];
    logs.iter().filter_map(|name| std::fs::read_to_string(world.path(name)).ok()).collect()
}

/// Every file of the data directory, as bytes read loosely as text.
fn data_files(world: &acceptance::World) -> String {
    let folder = std::fs::read_dir(world.path("data")).expect("a data directory");
    folder
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
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
