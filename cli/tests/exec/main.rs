//! `segura exec`, `export`, `whoami` and `session end`, as a job sees them: the real
//! binary against a broker of a few lines. What the broker does is tested elsewhere.

mod before;
mod early;
mod fake;
mod kept;
mod masks;
mod waiting;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::fake::{Fake, Instead, SESSION, TOKEN};

const VALUE: &str = "correct horse battery";

/// `segura` in a clean environment, with the broker named.
fn segura(broker: &Fake) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segura"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("SEGURA_URL", &broker.url)
        .stdin(Stdio::null());
    command
}

/// `segura exec` with a token in a variable and one secret; add the command.
fn exec(broker: &Fake, binding: &str) -> Command {
    let mut command = segura(broker);
    command.env("MY_TOKEN", TOKEN);
    command.args(["exec", "--token-env", "MY_TOKEN", "--secret", binding, "--"]);
    command
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Run {
    Run::from(command.output().expect("the program starts"))
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0)),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

#[test]
fn a_value_reaches_the_child_and_is_hidden_in_both_outputs() {
    let broker = Fake::with_value(VALUE);
    let script =
        "test \"$P\" = 'correct horse battery' && echo \"out $P.\" && echo \"err $P.\" >&2";
    let run = run(exec(&broker, "db/prod/password > P").args(["sh", "-c", script]));
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "out ***.\n", "err ***.\n"));

    let delivery = &broker.asked("POST /api/v2/deliveries")[0];
    assert_eq!(delivery.body["token"], TOKEN);
    assert_eq!(delivery.body["secrets"], json!(["db/prod/password"]));
    let end = &broker.asked("POST /api/v2/sessions/self/end")[0];
    assert_eq!(end.authorization, "Bearer sgr_session");
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let broker = Fake::with_value(VALUE);
    broker.next(Instead::Lose);
    assert_eq!(run(exec(&broker, "a > P").arg("true")).code, 0);
    let deliveries = broker.asked("POST /api/v2/deliveries");
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[0].body["request_key"], deliveries[1].body["request_key"]);
}

#[test]
fn the_exit_code_is_the_childs() {
    let broker = Fake::with_value(VALUE);
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 37"], 37),
        (&["sh", "-c", "exit 125"], 125),
        (&["sh", "-c", "kill -KILL $$"], 128 + 9),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
    ] {
        assert_eq!(run(exec(&broker, "a > P").args(command)).code, code, "{command:?}");
    }
    assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), 5, "ended every time");
}

#[test]
fn a_child_has_no_way_to_prove_who_the_job_is() {
    let broker = Fake::with_value(VALUE);
    let mut command = exec(&broker, "a > P");
    let names = ["ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SEGURA_ID_TOKEN", "SYSTEM_ACCESSTOKEN"];
    command.envs(names.map(|name| (name, "x"))).env("SEGURA_TOKEN_FILE", "x").env("OTHER", "kept");
    let run = run(command.arg("env"));
    assert!(run.out.contains("OTHER=kept") && run.out.contains("P=***"), "{}", run.out);
    for name in names.iter().chain(&["SEGURA_TOKEN_FILE", "MY_TOKEN"]) {
        assert!(!run.out.contains(name), "{name}");
    }
}

#[test]
fn a_prompt_appears_at_once_and_the_child_reads_our_input() {
    let broker = Fake::with_value(VALUE);
    let mut child = exec(&broker, "a > P")
        .args(["sh", "-c", "printf 'continue? '; read answer; echo got $answer"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut prompt = [0; 10];
    child.stdout.as_mut().expect("piped").read_exact(&mut prompt).expect("before any answer");
    assert_eq!(&prompt, b"continue? ");
    child.stdin.take().expect("piped").write_all(b"yes\n").expect("the child reads");
    assert_eq!(Run::from(child.wait_with_output().expect("it ends")).out, "got yes\n");
}

#[test]
fn the_terminal_is_lent_to_the_child_and_taken_back() {
    let broker = Fake::with_value(VALUE);
    let binary = env!("CARGO_BIN_EXE_segura");
    let ours = format!(
        "{binary} exec --token-env MY_TOKEN --secret 'a > P' -- sh -c 'read x; echo child $x'; \
         read y; echo parent $y"
    );
    // `script` runs a command at a terminal of its own.
    let mut terminal =
        segura(&broker).get_envs().fold(Command::new("script"), |mut at, (key, value)| {
            at.env(key, value.unwrap_or_default());
            at
        });
    let mut child = terminal
        .env("MY_TOKEN", TOKEN)
        .args(["--quiet", "--return", "--command", &ours, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`script` is there (package bsdutils)");
    child.stdin.as_mut().expect("piped").write_all(b"one\ntwo\n").expect("it reads");
    let run = Run::from(child.wait_with_output().expect("it ends"));
    assert!(run.out.contains("child one") && run.out.contains("parent two"), "{}", run.out);
}

#[test]
fn a_signal_is_the_childs_to_answer() {
    let broker = Fake::with_value(VALUE);
    for (signal, code) in [("INT", 128 + 2), ("TERM", 9), ("HUP", 128 + 1), ("QUIT", 128 + 3)] {
        let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
        let mut child = exec(&broker, "a > P")
            .args(["sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut ready = [0; 6];
        child.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("the child is up");
        let process = child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        assert!(sent.expect("kill runs").success());
        let run = Run::from(child.wait_with_output().expect("it ends"));
        assert_eq!(run.code, code, "{signal}");
    }
    assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), 4);
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_hang_the_job() {
    let broker = Fake::with_value(VALUE);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("grandchild");
    // It speaks while the child lives, and then lives on with the pipe.
    let script = "echo done; printf 'correct ho'; (echo \"late $P\"; : > \"$FILE.said\"; \
                  exec sleep 1000) & echo $! > \"$FILE\"; \
                  until [ -e \"$FILE.said\" ]; do sleep 0.01; done";
    let run = run(exec(&broker, "a > P").args(["sh", "-c", script]).env("FILE", &file));
    assert_eq!((run.code, run.out.as_str()), (0, "done\ncorrect holate ***\n"));
    let grandchild = std::fs::read_to_string(file).expect("written");
    let ended = Command::new("kill").arg(grandchild.trim()).status().expect("kill runs");
    assert!(ended.success(), "it was not waited for");
}

#[test]
fn a_file_is_readable_by_the_child_and_its_children_and_then_gone() {
    let broker = Fake::with_value(VALUE);
    let script = "echo $P; wc -c < $P; sh -c 'cat $P'";
    let run = run(exec(&broker, "a > P:file").args(["sh", "-c", script]));
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines[1..], ["21", "***"]);
    assert!(lines[0].starts_with("/proc/") && !std::path::Path::new(lines[0]).exists());
}

#[test]
fn a_session_that_cannot_be_ended_changes_nothing() {
    let broker = Fake::with_value(VALUE);
    broker.next(Instead::Usual);
    broker.next(Instead::Nothing);
    let run = run(exec(&broker, "a > P").args(["sh", "-c", "exit 3"]));
    assert_eq!(run.code, 3);
    assert!(run.err.contains("could not be ended (no answer within 2 seconds)"), "{}", run.err);
}

#[test]
fn a_refusal_starts_no_child() {
    let broker = Fake::with_value(VALUE);
    let problem = json!({
        "type": "urn:segura:problem:policy-mismatch", "title": "t", "status": 403,
        "detail": "no policy grants this", "code": "policy-mismatch",
    });
    broker.next(Instead::Answer(403, problem));
    let run = run(exec(&broker, "a > P").args(["sh", "-c", "echo ran"]));
    assert_eq!((run.code, run.out.as_str()), (4, ""));
    assert!(run.err.contains("no policy grants this"), "{}", run.err);
}

#[test]
fn a_value_that_cannot_be_hidden_is_refused_unless_that_is_wanted() {
    let broker = Fake::with_value("us");
    let refused = run(exec(&broker, "a > P").args(["sh", "-c", "echo ran"]));
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("the value for P"), "{}", refused.err);
    assert!(refused.err.contains("token is spent: correct it and run the job again"));
    assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), 1, "and the session is ended");

    let mut command = segura(&broker);
    command.env("MY_TOKEN", TOKEN).args(["exec", "--token-env", "MY_TOKEN", "--allow-unmasked"]);
    let taken = run(command.args(["--secret", "a > P", "--", "sh", "-c", "echo $P"]));
    assert_eq!((taken.code, taken.out.as_str()), (0, "us\n"));
    assert!(taken.err.contains("too short to be hidden"), "{}", taken.err);
}

#[test]
fn several_fields_without_a_choice_are_an_error_that_names_them() {
    let broker = Fake::with_fields(json!({ "user": "ada", "password": VALUE }));
    let refused = run(exec(&broker, "db/login > P").arg("true"));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("(password, user)"), "{}", refused.err);
    let taken = run(exec(&broker, "db/login#password > P").args(["sh", "-c", "echo $P"]));
    assert_eq!(taken.out, "***\n");
}

#[test]
fn a_github_job_asks_its_runner_for_a_token_with_our_audience() {
    let broker = Fake::with_value(VALUE);
    let mut command = segura(&broker);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/idtoken?x=1", broker.url))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token")
        .env("SEGURA_AUDIENCE", "https://segura.example");
    broker.next(Instead::Answer(503, json!({})));
    let run = run(command.args(["exec", "--secret", "a > P", "--", "sh", "-c", "echo $P"]));
    assert_eq!((run.code, run.out.as_str()), (0, "***\n"), "{}", run.err);
    let asked = broker.asked("GET /idtoken");
    assert_eq!(asked.len(), 2, "again after a 503");
    assert_eq!(asked[1].what, "GET /idtoken?x=1&audience=https%3A%2F%2Fsegura.example");
    assert_eq!(asked[1].authorization, "Bearer request-token");
}

#[test]
fn a_github_job_without_the_permission_is_told_what_to_write() {
    let broker = Fake::with_value(VALUE);
    let mut command = segura(&broker);
    command.env("GITHUB_ACTIONS", "true");
    let run = run(command.args(["exec", "--secret", "a > P", "--", "true"]));
    assert_eq!(run.code, 2);
    assert!(run.err.contains("\n    permissions:\n"), "{}", run.err);
    assert!(run.err.contains("\n      id-token: write\n"), "{}", run.err);
}

#[test]
fn a_gitlab_job_spends_its_token_once_and_ends_its_session_at_last() {
    let broker = Fake::with_value(VALUE);
    let folder = tempfile::tempdir().expect("a folder");
    let job = |arguments: &[&str]| {
        let mut command = segura(&broker);
        command
            .env("GITLAB_CI", "true")
            .env("CI_JOB_ID", "4711")
            .env("TMPDIR", folder.path())
            .env("SEGURA_ID_TOKEN", TOKEN);
        run(command.args(arguments))
    };
    for secret in ["a > P", "b/c#value > P"] {
        let run = job(&["exec", "--secret", secret, "--", "sh", "-c", "echo $P"]);
        assert_eq!((run.code, run.out.as_str()), (0, "***\n"), "{}", run.err);
    }
    assert_eq!(broker.asked("POST /api/v2/deliveries").len(), 1);
    assert_eq!(broker.asked("GET /api/v2/a2a/secrets/b/c?field=value").len(), 1);
    assert!(broker.asked("POST /api/v2/sessions/self/end").is_empty());

    for ended in [1, 1] {
        assert_eq!(job(&["session", "end", "--self"]).code, 0);
        assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), ended);
    }
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "nothing is left");
}

#[test]
fn an_export_masks_first_and_its_session_ends_by_its_file() {
    let broker = Fake::with_value(VALUE);
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let job = |arguments: &[&str]| {
        let mut command = segura(&broker);
        for (variable, file) in [("GITHUB_ENV", "env"), ("GITHUB_OUTPUT", "output")] {
            command.env(variable, path(file));
        }
        command.env("RUNNER_TEMP", folder.path()).env("MY_TOKEN", TOKEN);
        run(command.args(arguments))
    };
    let session = path("session");
    let exported = job(&[
        "export",
        "--to",
        "file",
        "--token-env",
        "MY_TOKEN",
        "--secret",
        "a > P",
        "--session-file",
        &session,
    ]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    assert_eq!(exported.out, format!("::add-mask::{VALUE}\n"));
    let env = std::fs::read_to_string(path("env")).expect("written");
    let file = env.lines().nth(1).expect("a path").to_owned();
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), VALUE);
    let output = std::fs::read_to_string(path("output")).expect("written");
    assert_eq!(output, format!("session-id={SESSION}\n"));
    assert!(broker.asked("POST /api/v2/sessions/self/end").is_empty());

    assert_eq!(job(&["session", "end", "--session-file", &session]).code, 0);
    assert_eq!(broker.asked("POST /api/v2/sessions/self/end").len(), 1);
    assert!(!std::path::Path::new(&file).exists() && !std::path::Path::new(&session).exists());
}

#[test]
fn whoami_prints_claims_and_policies_and_never_the_token() {
    let broker = Fake::with_value(VALUE);
    let mut command = segura(&broker);
    let run = run(command.env("MY_TOKEN", TOKEN).args(["whoami", "--token-env", "MY_TOKEN"]));
    assert_eq!(run.code, 0, "{}", run.err);
    for shown in ["repo:acme/payments", "repository_id", "456789", "payments-deploy"] {
        assert!(run.out.contains(shown), "{}", run.out);
    }
    assert!(!run.out.contains("c2lnbmF0dXJl"));
}
