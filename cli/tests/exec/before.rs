//! What is looked at before anything is sent, and costs no token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::fake::{self, Fake, Instead};
use crate::{VALUE, exec, run, segura};

#[test]
fn a_program_that_cannot_run_costs_no_token() {
    let broker = Fake::with_value(VALUE);
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script");
    std::fs::write(&script, "echo hello\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it is ours");
    for (program, code, words) in [
        (script.to_str().expect("text"), 126, "#!/bin/sh"),
        ("/no/such/program", 127, "command not found"),
        ("deplyo.sh", 127, "in no folder of PATH"),
        ("terraform apply", 127, "words of their own"),
        ("/etc/passwd", 126, "not executable"),
        ("/etc", 126, "a folder"),
    ] {
        let told = run(exec(&broker, "a > P").arg(program));
        assert_eq!((told.code, told.out.as_str()), (code, ""), "{}", told.err);
        assert!(told.err.starts_with(&format!("error: {program}: ")), "{}", told.err);
        assert!(told.err.contains(words), "{}", told.err);
    }
    let told = run(exec(&broker, "a > P").arg("true").env("PATH", "/nowhere"));
    assert_eq!(told.code, 127, "{}", told.err);
    let mut command = segura(&broker);
    let told = run(command.args(["--json", "exec", "--secret", "a > P", "--", "deplyo.sh"]));
    let error: serde_json::Value = serde_json::from_str(&told.err).expect("one JSON object");
    assert_eq!((told.code, &error["error"]["code"]), (127, &json!("command-not-found")));
    assert!(broker.asked("").is_empty(), "nothing was sent");
}

#[test]
fn a_login_that_cannot_be_read_stops_no_job_that_is_given_all_it_needs() {
    let broker = Fake::with_value(VALUE);
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join(".config/segura");
    std::fs::create_dir_all(&folder).expect("made");
    let login = folder.join("credentials.toml");
    // As unreadable for root as for others.
    std::os::unix::fs::symlink(&login, &login).expect("made");

    let given = run(exec(&broker, "a > P").env("HOME", home.path()).args(["sh", "-c", "echo $P"]));
    assert_eq!((given.code, given.out.as_str(), given.err.as_str()), (0, "***\n", ""));

    let mut needed = exec(&broker, "a > P");
    let needed = run(needed.arg("true").env("HOME", home.path()).env_remove("SEGURA_URL"));
    let told = format!("error: the stored login, {}, cannot be read", login.display());
    assert!(needed.code == 2 && needed.err.starts_with(&told), "{}", needed.err);
    assert!(needed.err.contains("help: ") && needed.err.contains("SEGURA_URL"), "{}", needed.err);
}

#[test]
fn a_token_that_is_refused_for_how_its_audience_is_spelled_is_told_of_it() {
    let broker = Fake::with_value(VALUE);
    let token = |aud: &str| {
        let claims = URL_SAFE_NO_PAD.encode(json!({ "aud": aud }).to_string());
        format!("e30.{claims}.c2ln")
    };
    let refusal = fake::refusal(403, "access-refused");
    for (aud, told) in [(format!("{}/", broker.url), true), (broker.url.clone(), false)] {
        broker.next(Instead::Answer(403, refusal.clone()));
        let run = run(exec(&broker, "a > P").env("MY_TOKEN", token(&aud)).arg("true"));
        assert_eq!(run.code, 4, "{}", run.err);
        let warning = format!("the audience `{aud}`, and the broker is `{}`:", broker.url);
        assert_eq!(run.err.contains(&warning), told, "{}", run.err);
    }
}

#[test]
fn a_name_with_power_is_refused_before_any_request() {
    let broker = Fake::with_value(VALUE);
    for name in ["LD_PRELOAD", "PATH", "NODE_OPTIONS"] {
        let run = run(exec(&broker, &format!("a > {name}")).arg("true"));
        assert!(run.code == 2 && run.err.contains(name), "{}", run.err);
    }
    assert!(broker.asked("").is_empty());
}
