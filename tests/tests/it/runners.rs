//! Real CI runners against the real server: nektos/act runs the GitHub example,
//! gitlab-ci-local the GitLab one. Neither mints identity tokens, so a token service
//! beside each signs tokens shaped like the platform's.

use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::cli::binary;
use acceptance::world::{AUDIENCE, text};
use acceptance::{Database, Run, TokenIssuer, World};
use segura_model::Algorithm;
use segura_plugins::sample;
use serde_json::json;

use crate::action::{mirror, sha256};
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
fn repository(world: &World, example: &str) -> PathBuf {
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

fn git(folder: &Path, arguments: &[&str]) {
    let run = Run::of(Command::new("git").arg("-C").arg(folder).args(arguments));
    assert_eq!(run.code, 0, "git {arguments:?}: {run:?}");
}

/// Commit everything in the folder.
fn commit(folder: &Path, message: &str) {
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

fn ended(world: &World) -> bool {
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

/// How the component comes by its program.
enum Program {
    /// It is on the runner.
    Given,
    /// It is downloaded from this mirror, and has this SHA-256 in the component.
    Mirrored { url: String, sha256: String },
}

impl Program {
    /// The inputs that say so.
    fn inputs(&self) -> String {
        match self {
            Self::Given => format!("binary-path: {}", text(&binary())),
            Self::Mirrored { url, .. } => format!("download-url: {url}"),
        }
    }

    /// Write the SHA-256 where `cargo xtask dist` does.
    fn write_checksum(&self, template: &Path) {
        let Self::Mirrored { sha256, .. } = self else { return };
        let yaml = std::fs::read_to_string(template).expect("the component");
        let version = yaml.lines().find(|line| line.trim_start().starts_with("SEGURA_VERSION:"));
        let yaml =
            yaml.replace(version.expect("a version"), "    SEGURA_VERSION: \"2.0.0\"").replace(
                "SEGURA_SHA256_LINUX_X64: \"\"",
                &format!("SEGURA_SHA256_LINUX_X64: {sha256}"),
            );
        std::fs::write(template, yaml).expect("the copy can be changed");
    }
}

/// Run the GitLab example in gitlab-ci-local with its shell executor, on the branch `main`.
async fn gitlab_ci_local(command: &str, program: Program) -> (World, Run) {
    gitlab_ci_local_on("main", command, program).await
}

async fn gitlab_ci_local_on(branch: &str, command: &str, program: Program) -> (World, Run) {
    let world = World::start(Database::Sqlite).await;
    let issuer = TokenIssuer::start(Algorithm::RS256).await;
    world.enrol("gitlab", "gitlab", &issuer);
    world.put_secret("db/prod/password", "correct horse battery staple");
    let mut claims = sample::gitlab();
    claims["aud"] = json!(AUDIENCE);
    world.apply_policy(&format!(
        "policy: gitlab-deploy\nissuer: gitlab\nanchor: {{ project_id: {}, namespace_id: {} }}\nread: [\"db/prod/password\"]\n",
        claims["project_id"], claims["namespace_id"],
    ));
    let folder = repository(&world, "gitlab");
    // A component of the same repository, at the commit that is checked out.
    std::fs::rename(folder.join("actions/gitlab/templates"), folder.join("templates"))
        .expect("a move");
    let yaml = std::fs::read_to_string(folder.join(".gitlab-ci.yml")).expect("the example");
    let yaml = yaml
        .replace(
            "$CI_SERVER_FQDN/segura/actions/secrets@2.0.0",
            "$CI_SERVER_FQDN/$CI_PROJECT_PATH/secrets@$CI_COMMIT_SHA",
        )
        .replace(
            "https://segura.example.com",
            &format!(
                "{}\n      ca-cert: {}\n      {}",
                world.url(),
                text(&world.authority()),
                program.inputs()
            ),
        )
        .replace("command: ./deploy.sh", &format!("command: {}", json!(command)));
    std::fs::write(folder.join(".gitlab-ci.yml"), yaml).expect("the copy can be changed");
    program.write_checksum(&folder.join("templates/secrets.yml"));
    commit(&folder, "The component");
    git(&folder, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(&folder, &["checkout", "--quiet", "-B", branch]);
    let mut runner = Command::new("gitlab-ci-local");
    runner
        .current_dir(&folder)
        .env_clear()
        .env("PATH", tool_path())
        .env("HOME", world.path("."))
        .args([
            "--force-shell-executor",
            "--variable",
            &format!("SEGURA_ID_TOKEN={}", issuer.token(&claims)),
        ]);
    let run = tokio::task::spawn_blocking(move || Run::of(&mut runner)).await.expect("it runs");
    drop(issuer);
    (world, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitlab_ci_local_runs_the_component() {
    let (world, run) = gitlab_ci_local("./deploy.sh", Program::Given).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("connecting with password ***"), "{said}");
    assert!(!said.contains("correct horse"), "{said}");
    assert!(ended(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitlab_ci_local_ends_the_session_after_a_failed_command() {
    let (world, run) = gitlab_ci_local("./deploy.sh && exit 3", Program::Given).await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(ended(&world), "{run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_components_command_has_the_secrets() {
    let command = r#"echo "a: [$DB_PASSWORD]" ${#DB_PASSWORD}; echo '$HOME # "x"'"#;
    let (_world, run) = gitlab_ci_local(command, Program::Given).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("a: [***] 28") && said.contains("$HOME # \"x\""), "{said}");
}

/// Whoever may push a branch may call it as he likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_a_branch_is_no_part_of_the_components_command() {
    let branch = r#"x";printenv|rev>pwned;""#;
    let command = r#"echo "<$CI_COMMIT_REF_NAME>""#;
    let (world, run) = gitlab_ci_local_on(branch, command, Program::Given).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(!world.path("repository/pwned").exists(), "{said}");
    assert!(said.contains(&format!("<{branch}>")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_several_lines_is_refused_before_the_job() {
    let (world, run) = gitlab_ci_local("./deploy.sh\n./deploy.sh", Program::Given).await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("does not match required regex"), "{run:?}");
    assert!(world.ledger(&["--event", "delivery"]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_downloads_the_program_of_its_checksum() {
    let program = std::fs::read(binary()).expect("the program");
    let sha256 = sha256(&program);
    let url = mirror(program).await;
    let (world, run) = gitlab_ci_local("./deploy.sh", Program::Mirrored { url, sha256 }).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("connecting with password ***"), "{said}");
    assert!(ended(&world), "after_script found the program: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_runs_nothing_else() {
    let url = mirror(b"#!/bin/sh\necho pwned\n".to_vec()).await;
    let sha256 = sha256(b"something else");
    let (world, run) = gitlab_ci_local("./deploy.sh", Program::Mirrored { url, sha256 }).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_ne!(run.code, 0, "{said}");
    assert!(said.contains("is not the program this component was made for"), "{said}");
    assert!(!said.contains("pwned"), "{said}");
    assert!(world.ledger(&["--event", "delivery"]).is_empty());
}
