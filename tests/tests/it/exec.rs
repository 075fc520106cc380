//! `segura exec`, as a job sees it.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use acceptance::world::text;
use acceptance::{Database, Run, TokenIssuer, World, segura};

use crate::main_job::{claims, github_world};

/// `segura exec` with a fresh token; add `-- command`.
fn exec(world: &World, issuer: &TokenIssuer, secret: &str) -> Command {
    let file = world.write("job.token", &issuer.token(&claims()));
    let mut command = segura();
    command.args(["exec", "--url", &world.url(), "--ca-cert", &text(&world.authority())]).args([
        "--token-file",
        &text(&file),
        "--secret",
        secret,
        "--",
    ]);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_childs_exit_code_is_ours() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    for (script, code) in [("exit 0", 0), ("exit 37", 37), ("kill -TERM $$", 143)] {
        let run = Run::of(exec(&world, &issuer, "db/prod/password > P").args(["sh", "-c", script]));
        assert_eq!(run.code, code, "{script}: {run:?}");
    }
    let told = Run::of(exec(&world, &issuer, "db/prod/password > P").arg("/no/such/program"));
    assert_eq!(told.code, 127, "{told:?}");
    assert_eq!(world.ledger(&["--event", "delivery"]).len(), 3, "and it cost no token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_without_a_newline_appears_at_once() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let mut child = exec(&world, &issuer, "db/prod/password > P")
        .args(["sh", "-c", "printf 'continue? '; read answer; echo got $answer"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut prompt = [0; 10];
    child
        .stdout
        .as_mut()
        .expect("piped")
        .read_exact(&mut prompt)
        .expect("the prompt, with nothing typed yet");
    assert_eq!(&prompt, b"continue? ");

    child.stdin.take().expect("piped").write_all(b"yes\n").expect("the child reads");
    let run = Run::from(child.wait_with_output().expect("it ends"));
    assert_eq!(run.stdout, "got yes\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grandchild_that_keeps_the_pipe_does_not_hang_the_job() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let file = world.path("grandchild");
    let script = "(exec sleep 1000) & echo $! > \"$FILE\"; echo done";

    let run = Run::of(
        exec(&world, &issuer, "db/prod/password > P").args(["sh", "-c", script]).env("FILE", &file),
    );

    assert_eq!((run.code, run.stdout.as_str()), (0, "done\n"));
    let grandchild = std::fs::read_to_string(file).expect("written");
    let ended = Command::new("kill").arg(grandchild.trim()).status();
    assert!(ended.is_ok_and(|status| status.success()), "it was not waited for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_can_be_a_file_that_dies_with_the_child() {
    let (world, issuer) = github_world(Database::Sqlite).await;

    let run = Run::of(exec(&world, &issuer, "db/prod/password > P:file").args([
        "sh",
        "-c",
        "printf '%s ' $P; wc -c < $P; cat $P | cat",
    ]));

    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains(" 28"), "the whole value and no more: {run:?}");
    assert!(run.stdout.ends_with("***"), "masked when printed: {run:?}");
    let path = run.stdout.split(' ').next().expect("a path");
    assert!(!std::path::Path::new(path).exists(), "{path} is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_reaches_the_child_and_the_session_ends() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let mut child = exec(&world, &issuer, "db/prod/password > P")
        .args([
            "sh",
            "-c",
            "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut ready = [0; 6];
    child.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("the child is up");
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));

    let run = Run::from(child.wait_with_output().expect("it ends"));

    assert_eq!((run.code, run.stdout.as_str()), (9, "caught\n"));
    assert_eq!(world.ledger(&["--event", "session.end"]).len(), 1, "the session was ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_change_how_programs_run_are_refused() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    for name in ["LD_PRELOAD", "PATH", "NODE_OPTIONS", "BASH_ENV"] {
        let run = Run::of(exec(&world, &issuer, &format!("db/prod/password > {name}")).arg("true"));
        assert_eq!(run.code, 2, "{name}: {run:?}");
        assert!(run.stderr.contains(name), "{run:?}");
    }
    assert!(world.ledger(&["--event", "delivery"]).is_empty(), "refused before any request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoami_prints_claims_and_never_the_token() {
    let (world, issuer) = github_world(Database::Sqlite).await;
    let token = issuer.token(&claims());
    let file = world.write("job.token", &token);

    let run = Run::of(segura().args([
        "whoami",
        "--url",
        &world.url(),
        "--ca-cert",
        &text(&world.authority()),
        "--token-file",
        &text(&file),
    ]));

    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("payments-deploy") && run.stdout.contains("456789"), "{run:?}");
    assert!(!run.stdout.contains(token.rsplit('.').next().expect("a signature")));
    assert_eq!(
        world.deliver(&token, &["db/prod/password"]).await.status,
        200,
        "whoami spends nothing"
    );
}
