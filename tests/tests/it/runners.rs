//! A real CI runner against the real server: nektos/act runs the GitHub example. It mints
//! no identity tokens, so a token service beside it signs tokens shaped like GitHub's.

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::cli::binary;
use acceptance::world::{AUDIENCE, text};
use acceptance::{Database, Run, TokenIssuer, World};
use segura_plugins::sample;
use serde_json::json;

use crate::main_job::github_world;

/// Where `cargo xtask test` put the Node packages.
pub(crate) fn node_modules() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "how the suite names its tools")]
    let given = std::env::var("SEGURA_TEST_NODE_MODULES");
    given.map_or_else(|_| root().join("target/tools/node_modules"), PathBuf::from)
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// `PATH` with the pinned tools first.
pub(crate) fn tool_path() -> String {
    let tools = root().join("target/tools");
    let own = ["bin", "node_modules/.bin", "node_modules/node/bin", "python/bin"]
        .map(|part| text(&tools.join(part)))
        .join(":");
    format!("{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// A repository with an example and the action or component in it, as a runner wants it.
pub(crate) fn repository(world: &World, example: &str) -> PathBuf {
    let folder = world.path("repository");
    let copy = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to.parent().expect("a folder"))
            .expect("the scratch folder takes folders");
        let run = Run::of(Command::new("cp").arg("-r").arg(from).arg(to));
        assert_eq!(run.code, 0, "{run:?}");
    };
    copy(&root().join("pipelines-examples").join(example), &folder);
    copy(&root().join("actions"), &folder.join("actions"));
    git(&folder, &["init", "--quiet", "--initial-branch", "main"]);
    commit(&folder, "An example");
    git(&folder, &["remote", "add", "origin", "https://git.test/acme/payments.git"]);
    git(&folder, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(&folder, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    folder
}

/// Run git in the folder.
pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let run = Run::of(Command::new("git").arg("-C").arg(folder).args(arguments));
    assert_eq!(run.code, 0, "git {arguments:?}: {run:?}");
}

/// Commit everything in the folder.
pub(crate) fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "."]);
    let somebody = ["-c", "user.name=t", "-c", "user.email=t@t.test"];
    git(folder, &[&somebody[..], &["commit", "--quiet", "-m", message]].concat());
}

/// GitHub's token service: `GET ?audience=…` with the request token gives `{"value": <jwt>}`.
async fn token_service(issuer: std::sync::Arc<TokenIssuer>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let Ok(read) = stream.read(&mut request).await else { continue };
            let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
            let asked = request.contains("audience=https%3a%2f%2fsegura.test")
                && request.contains("authorization: bearer request-token");
            let mut claims = sample::github();
            claims["aud"] = json!(AUDIENCE);
            let (status, body) = if asked {
                ("200 OK", json!({"count": 1, "value": issuer.token(&claims)}))
            } else {
                ("400 Bad Request", json!({"message": "wrong audience or request token"}))
            };
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    format!("http://{address}/?api-version=2.0")
}

/// Run one workflow of the GitHub example in `act`, on the host.
async fn act(workflow: &str, edit: impl FnOnce(&Path)) -> (World, Run) {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let service = token_service(std::sync::Arc::new(issuer)).await;
    let folder = repository(&world, "github");
    let file = folder.join(".github/workflows").join(workflow);
    let yaml = std::fs::read_to_string(&file).expect("the example");
    // The example names a released program; here it is the one just built.
    let yaml = yaml.replace(
        "vault-url: ${{ vars.SEGURA_URL }}",
        &format!("vault-url: ${{{{ vars.SEGURA_URL }}}}\n          audience: {AUDIENCE}\n          binary-path: {}", text(&binary())),
    );
    std::fs::write(&file, yaml).expect("the copy can be changed");
    edit(&file);
    let home = world.path("home");
    std::fs::create_dir_all(home.join(".cache")).expect("a home");
    let mut command = Command::new("act");
    command
        .current_dir(&folder)
        .env_clear()
        .env("PATH", tool_path())
        .env("HOME", &home)
        .args(["push", "-P", "ubuntu-latest=-self-hosted", "-W"])
        .arg(&file)
        .args(["--var", &format!("SEGURA_URL={}", world.url())])
        .args(["--var", &format!("SEGURA_CA_CERT={}", text(&world.authority()))])
        .args(["--env", &format!("ACTIONS_ID_TOKEN_REQUEST_URL={service}")])
        .args(["--env", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-token"]);
    let run = tokio::task::spawn_blocking(move || Run::of(&mut command)).await.expect("act runs");
    (world, run)
}

/// Whether the job's session was ended.
pub(crate) fn ended(world: &World) -> bool {
    !world.ledger(&["--event", "session.end"]).is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn act_runs_the_exec_example() {
    let (world, run) = act("deploy.yml", |_| ()).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("connecting with password ***"), "{run:?}");
    assert!(!run.stdout.contains("correct horse"), "{run:?}");
    assert!(ended(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn act_runs_the_familiar_example() {
    let (world, run) = act("familiar.yml", |_| ()).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("connecting with password ***"), "{run:?}");
    assert!(!run.stdout.contains("correct horse"), "{run:?}");
    assert!(ended(&world), "the post step ended the session: {run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn act_ends_the_session_after_a_failed_step() {
    let (world, run) = act("familiar.yml", |file| {
        let yaml = std::fs::read_to_string(file).expect("the example");
        std::fs::write(file, yaml.replace("run: ./deploy.sh", "run: ./deploy.sh && exit 3"))
            .expect("the copy can be changed");
    })
    .await;
    assert_ne!(run.code, 0);
    assert!(run.stdout.contains("connecting with password ***"), "{run:?}");
    assert!(ended(&world), "{run:?}");
}
