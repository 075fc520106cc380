//! `segura dev` and real servers keep away from each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use acceptance::world::{AUDIENCE, text};
use acceptance::{Database, Run, World, segura};
use serde_json::{Value, json};

struct Dev {
    child: Child,
    facts: Value,
}

impl Dev {
    fn start(world: &World) -> Self {
        let mut child = segura()
            .args(["dev", "--json", "--dir", &text(&world.path("dev"))])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it talks");
        let facts: Value = serde_json::from_str(&line).expect("one line of JSON");
        Self { child, facts: facts["facts"].clone() }
    }

    fn fact(&self, name: &str) -> String {
        self.facts[name].as_str().unwrap_or_else(|| panic!("{name}: {}", self.facts)).to_owned()
    }

    fn token(&self, arguments: &[&str]) -> String {
        let run = Run::of(
            segura().args(["dev", "token", "--socket", &self.fact("socket")]).args(arguments),
        );
        run.ok().stdout.trim().to_owned()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a JWT")).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dev_token_looks_like_its_platforms_and_is_verified() {
    let world = World::prepare(Database::Sqlite).await;
    let dev = Dev::start(&world);
    for platform in ["github", "gitlab", "azure-devops", "kubernetes"] {
        let file = world.write("dev.token", &dev.token(&["--like", platform]));
        let run = Run::of(segura().args([
            "whoami",
            "--json",
            "--url",
            &dev.fact("url"),
            "--ca-cert",
            &dev.fact("ca_cert"),
            "--token-file",
            &text(&file),
        ]));
        assert_eq!(run.code, 0, "{platform}: {run:?}");
        assert!(run.stdout.contains(platform), "{platform}: {run:?}");
    }
    let edited = claims(&dev.token(&[
        "--like",
        "github",
        "--claim",
        "actor=mallory",
        "--claim",
        "sha=null",
    ]));
    assert_eq!(edited["actor"], "mallory");
    assert_eq!(edited["sha"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_does_not_open_a_dev_database() {
    let world = World::prepare(Database::Sqlite).await;
    let dev = Dev::start(&world);
    drop(dev);
    let run = Run::of(segura().args(["server", "--listen", "127.0.0.1:0"]).args([
        &format!("--data-dir={}", text(&world.path("dev/data"))),
        &format!("--set=guard.key_file={}", text(&world.path("dev/guard.key"))),
        "--url=https://127.0.0.1",
    ]));
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("dev world"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_trusts_no_dev_issuer() {
    let world = World::start(Database::Sqlite).await;
    let dev = Dev::start(&world);
    let token = dev.token(&["--like", "github", "--audience", AUDIENCE]);
    world.enrol_entry(&json!({
        "issuer": "github",
        "preset": "github",
        "iss": claims(&token)["iss"],
        "audiences": [AUDIENCE],
        "insecure_loopback": true,
    }));

    let answer = world.deliver(&token, &["db/prod/password"]).await;

    assert_eq!((answer.status, answer.code()), (503, "issuer-keys-unavailable"), "{answer:?}");
    let detail = answer.body["detail"].as_str().expect("a sentence");
    assert!(detail.contains("the issuer of this identity token"), "{detail}");
    let denial = answer.body["denial"].as_str().expect("an id");
    let explained = world.administer(&["policy", "explain", "--denial", denial]);
    assert!(explained.stdout.contains("`segura dev` world"), "the cause: {explained:?}");
    assert!(
        world.logs().contains("`segura dev` world"),
        "the operator's log says why: {}",
        world.logs()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_owner_opens_the_mint() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::prepare(Database::Sqlite).await;
    let dev = Dev::start(&world);
    for (name, mode) in
        [("mint.sock", 0o600), ("admin.token", 0o600), ("guard.key", 0o600), (".", 0o700)]
    {
        let path = world.path("dev").join(name);
        let found = std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    drop(dev);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dev_prints_can_be_pasted_into_a_shell() {
    let world = World::prepare(Database::Sqlite).await;
    let folder = world.path("a folder");
    let mut child = segura()
        .args(["dev", "--dir", &text(&folder)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut script = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        script.push_str(&line);
        script.push('\n');
        if line.starts_with("segura policy explain") {
            break;
        }
    }
    let binary = acceptance::cli::binary();
    let path = format!("{}:/usr/bin:/bin", text(binary.parent().expect("it lies in a folder")));

    let run = Run::of(
        Command::new("sh")
            .args(["-e", "-c", &script])
            .current_dir(world.path("."))
            .env_clear()
            .env("PATH", path),
    );
    drop(child.kill());
    drop(child.wait());

    assert_eq!(run.code, 0, "{script}\n{run:?}");
    assert!(run.stdout.contains("\n***\n"), "the job got its secret, masked: {run:?}");
    assert!(run.stdout.contains("FAILED  event_name"), "the refusal is explained: {run:?}");
    assert_eq!(run.stderr, "", "nothing to warn of in the first example");
}
