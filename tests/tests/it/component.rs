//! The GitLab component against the real server: gitlab-ci-local runs it. It mints no identity
//! tokens, so one that is shaped like GitLab's stands where the runner would put it.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::cli::binary;
use acceptance::world::{AUDIENCE, text};
use acceptance::{Database, Run, TokenIssuer, World};
use segura_model::Algorithm;
use segura_plugins::sample;
use serde_json::json;

use crate::action::{mirror, sha256};
use crate::runners::{commit, ended, git, repository, tool_path};

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

/// The GitLab example, as gitlab-ci-local runs it with its shell executor.
struct Job {
    world: World,
    _issuer: TokenIssuer,
    folder: PathBuf,
    runner: Command,
}

impl Job {
    async fn new(command: &str, program: Program) -> Self {
        let world = World::start(Database::Sqlite).await;
        let issuer = TokenIssuer::start(Algorithm::RS256).await;
        let mut claims = sample::gitlab();
        claims["aud"] = json!(AUDIENCE);
        world.enrol("gitlab", "gitlab", &issuer);
        world.put_secret("db/prod/password", "correct horse battery staple");
        world.apply_policy(&format!(
            "policy: gitlab-deploy\nissuer: gitlab\nanchor: {{ project_id: {}, namespace_id: {} }}\nread: [\"db/prod/password\"]\n",
            claims["project_id"], claims["namespace_id"],
        ));
        let folder = project(&world, command, &program);
        let token = issuer.token(&claims);
        let mut runner = Command::new("gitlab-ci-local");
        runner
            .current_dir(&folder)
            .env_clear()
            .env("PATH", tool_path())
            .env("HOME", world.path("."))
            .arg("--force-shell-executor");
        Self { world, _issuer: issuer, folder, runner }.variable("SEGURA_ID_TOKEN", &token)
    }

    /// The job has this variable.
    fn variable(mut self, name: &str, value: &str) -> Self {
        self.runner.args(["--variable", &format!("{name}={value}")]);
        self
    }

    /// The job is one of this branch.
    fn branch(self, name: &str) -> Self {
        git(&self.folder, &["checkout", "--quiet", "-b", name]);
        self
    }

    async fn run(self) -> (World, Run) {
        let Self { world, _issuer, mut runner, .. } = self;
        let run = tokio::task::spawn_blocking(move || Run::of(&mut runner)).await.expect("it runs");
        (world, run)
    }
}

/// A repository with the example, and the component at the commit that is checked out.
fn project(world: &World, command: &str, program: &Program) -> PathBuf {
    let folder = repository(world, "gitlab");
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
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitlab_ci_local_runs_the_component() {
    let (world, run) = Job::new("./deploy.sh", Program::Given).await.run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("connecting with password ***"), "{said}");
    assert!(!said.contains("correct horse"), "{said}");
    assert!(ended(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gitlab_ci_local_ends_the_session_after_a_failed_command() {
    let (world, run) = Job::new("./deploy.sh && exit 3", Program::Given).await.run().await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(ended(&world), "{run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_components_command_has_the_secrets() {
    let command = r#"echo "a: [$DB_PASSWORD]" ${#DB_PASSWORD}; echo '$HOME # "x"'"#;
    let (_world, run) = Job::new(command, Program::Given).await.run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("a: [***] 28") && said.contains("$HOME # \"x\""), "{said}");
}

/// Whoever may push a branch may call it as he likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_a_branch_is_no_part_of_the_components_command() {
    let branch = r#"x";printenv|rev>pwned;""#;
    let command = r#"echo "<$CI_COMMIT_REF_NAME>""#;
    let (world, run) = Job::new(command, Program::Given).await.branch(branch).run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(!world.path("repository/pwned").exists(), "{said}");
    assert!(said.contains(&format!("<{branch}>")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_several_lines_is_refused_before_the_job() {
    let (world, run) = Job::new("./deploy.sh\n./deploy.sh", Program::Given).await.run().await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("does not match required regex"), "{run:?}");
    assert!(world.ledger(&["--event", "delivery"]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_downloads_the_program_of_its_checksum() {
    let program = std::fs::read(binary()).expect("the program");
    let sha256 = sha256(&program);
    let url = mirror(program).await;
    let (world, run) = Job::new("./deploy.sh", Program::Mirrored { url, sha256 }).await.run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(said.contains("connecting with password ***"), "{said}");
    assert!(ended(&world), "after_script found the program: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_runs_nothing_else() {
    let url = mirror(b"#!/bin/sh\necho pwned\n".to_vec()).await;
    let sha256 = sha256(b"something else");
    let (world, run) = Job::new("./deploy.sh", Program::Mirrored { url, sha256 }).await.run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_ne!(run.code, 0, "{said}");
    assert!(said.contains("is not the program this component was made for"), "{said}");
    assert!(!said.contains("pwned"), "{said}");
    assert!(world.ledger(&["--event", "delivery"]).is_empty());
}

/// Folders that were there before the job, with this program in each.
fn plant(scratch: &Path, program: &str) -> Vec<PathBuf> {
    let folder = |name: &str, mode| {
        let path = scratch.join(name);
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join("segura"), program).expect("a program");
        for (path, mode) in [(path.join("segura"), 0o755), (path.clone(), mode)] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
        }
        path
    };
    let (open, target, foreign) =
        (folder("open", 0o777), folder("target", 0o700), folder("foreign", 0o700));
    let link = scratch.join("link");
    symlink(target, &link).expect("a link");
    let mut planted = vec![open, link];
    // Only root can give a folder away.
    if chown(&foreign, Some(65_534), None).is_ok() {
        planted.push(foreign);
    }
    planted
}

/// Whoever is on the runner knows what the folder will be called, and that after_script
/// comes after a failed before_script too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_leaves_a_folder_alone_that_it_has_not_made() {
    let scratch = tempfile::tempdir().expect("a folder");
    let pwned = scratch.path().join("pwned");
    let program = format!("#!/bin/sh\ntouch {}\n", text(&pwned));
    for folder in plant(scratch.path(), &program) {
        let url = mirror(Vec::new()).await;
        // The very checksum: it could be another program's when it is run.
        let program = Program::Mirrored { url, sha256: sha256(program.as_bytes()) };
        let job = Job::new("./deploy.sh", program).await;
        let (_world, run) = job.variable("SEGURA_DOWNLOADED", &text(&folder)).run().await;
        assert_ne!(run.code, 0, "{run:?}");
        assert!(run.stderr.contains("is there already"), "{run:?}");
        assert!(!pwned.exists(), "{} was run: {run:?}", text(&folder));
        assert!(folder.join("segura").exists(), "{} was removed: {run:?}", text(&folder));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_script_runs_no_program_that_was_swapped() {
    let program = std::fs::read(binary()).expect("the program");
    let sha256 = sha256(&program);
    let url = mirror(program).await;
    let swap =
        r#"cd "$SEGURA_DOWNLOADED" && rm segura && echo 'echo pwned' >segura && chmod +x segura"#;
    let (_world, run) = Job::new(swap, Program::Mirrored { url, sha256 }).await.run().await;
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 0, "{said}");
    assert!(!said.lines().any(|line| line.ends_with("> pwned")), "{said}");
    assert!(said.contains("no program to end the session with"), "{said}");
}
