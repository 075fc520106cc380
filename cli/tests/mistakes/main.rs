//! Mistakes of a tired person, made with the real binary and without a broker: what is
//! said, to whom, with which exit code, and what is left alone.

mod certificate;
mod paths;
mod start;

use std::process::{Command, Output, Stdio};

use serde_json::Value;

const TOKEN: &str = "sgo_Ze2vQB6QFWjlLAadSYbxrt6p5GI5JAkOoPqGaqntTPZ1WD5yN";

fn segura(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segura"));
    command.env_clear().env("SEGURA_URL", "http://127.0.0.1:9").args(arguments);
    command.stdin(Stdio::null());
    command
}

/// What was said on standard error; nothing may stand on standard output.
fn refused(arguments: &[&str], code: i32) -> String {
    let output = segura(arguments);
    let told = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {:?}", output.stdout);
    told
}

#[test]
fn a_program_is_told_in_json_what_is_wrong_with_the_command_line() {
    for arguments in [
        &["--json", "operator", "lss"][..],
        &["secret", "get", "a b", "--json"],
        &["policy", "apply", "p.yaml", "--json"],
    ] {
        let told: Value = serde_json::from_str(&refused(arguments, 2)).expect("one JSON object");
        assert_eq!(told["error"]["code"], "usage", "{told}");
    }
    let told = refused(&["exec", "--secret", "a > A", "--", "jq", "--json", "--bad"], 2);
    assert!(serde_json::from_str::<Value>(&told).is_err(), "that flag was the command's: {told}");
}

#[test]
fn a_forgotten_sign_is_named() {
    let told = refused(&["exec", "--secret", "db/prod/password > P", "./deploy.sh"], 2);
    assert!(told.contains("help: write `--` before the command"), "{told}");
    let told = refused(&["exec", "--secret", "db/prod/password", "--", "true"], 2);
    assert!(told.contains("help: ") && told.contains("the shell"), "{told}");
    let told = refused(&["policy", "explain", "--token-file", "job.token"], 2);
    assert!(told.contains("--job-token"), "{told}");
}

#[test]
fn an_operator_who_asks_who_it_is_is_told_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.token");
    std::fs::write(&path, TOKEN).expect("written");
    let told = refused(&["whoami", "--token-file", path.to_str().expect("text")], 2);
    assert!(told.contains("are for jobs: --token-file job.token"), "{told}");
    assert!(told.contains("segura operator ls"), "{told}");
}

#[test]
fn what_would_be_ignored_is_refused() {
    for arguments in [
        &["session", "revoke", "--all", "--subject", "repo:a/b"][..],
        &["session", "revoke", "--policy", "deploy", "--subject", "repo:a/b"],
        &["policy", "explain", "--job-token", "job.token", "--issuer", "github"],
        &["policy", "explain", "--denial", "01JDGW5E6Y3X9T2K8M4Q7R0BVC", "--issuer", "github"],
    ] {
        let told = refused(arguments, 2);
        assert!(told.contains("cannot be used with"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_token_or_a_value_in_the_wrong_place_is_not_repeated() {
    for arguments in [
        &["login", TOKEN][..],
        &["operator", "ls", "--token-file", TOKEN],
        &["operator", "ls", "--token-file", TOKEN, "--json"],
        &["secret", "put", "db/prod/password", TOKEN],
        &["secret", "put", "db/prod/password", TOKEN, "--json"],
    ] {
        let told = refused(arguments, 2);
        assert!(!told.contains(&TOKEN[4..16]), "{told}");
    }
    let told = refused(&["secret", "put", "db/prod/password", "hunter2+/=="], 2);
    assert!(told.contains("FIELD=@FILE") && !told.contains("hunter2"), "{told}");
}

#[test]
fn nothing_piped_in_is_not_a_new_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).expect("written");
    let token = token.display().to_string();
    let told = refused(&["secret", "put", "db/prod/password", "--token-file", &token], 2);
    assert!(told.contains("empty") && told.contains("nothing was written"), "{told}");
}

#[test]
fn a_file_that_was_named_by_mistake_survives() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("id_ed25519");
    std::fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\n").expect("written");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("it is ours");
    let name = key.display().to_string();
    for arguments in [
        &["session", "end", "--session-file", &name][..],
        &["exec", "--token-file", &name, "--session-file", &name, "--", "true"],
    ] {
        let told = refused(arguments, 4);
        assert!(told.contains("something else"), "{told}");
    }
    let content = std::fs::read_to_string(&key).expect("it is there");
    assert!(content.starts_with("-----BEGIN"), "{content}");
}

#[test]
fn a_guard_that_is_missing_stops_init_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, data, guard) = (path("segura.toml"), path("data"), path("passphrase"));
    let told = refused(
        &[
            "init",
            "--url",
            "https://segura.example",
            "--config",
            &config,
            "--data-dir",
            &data,
            "--passphrase-file",
            &guard,
        ],
        2,
    );
    assert!(told.contains(&guard), "the file is named: {told}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn init_on_a_finished_database_takes_no_guard_but_the_one_that_opens_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, second) = (path("data"), path("second"));
    let init = |config: &str| {
        let url = "--url=https://segura.example:8443";
        ["init", url, "--data-dir", &data, "--config", config].map(ToOwned::to_owned).to_vec()
    };
    let refused = |more: &[&str], code| {
        let line = init(&path("second/segura.toml"));
        let line: Vec<&str> = line.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let told = refused(&line, code);
        assert!(told.contains("help: ") && told.contains("keyring rewrap"), "{told}");
        assert!(!folder.path().join("second").exists(), "nothing is written");
        told
    };
    let made = init(&path("segura.toml"));
    let made = segura(&made.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(made.status.success(), "{made:?}");

    let told = refused(&[], 2);
    assert!(told.contains("has a keyring already") && told.contains(&second), "{told}");
    let told = refused(&["--key-file", &path("gaurd.key")], 2);
    assert!(told.contains("has a keyring already") && told.contains("gaurd.key"), "{told}");
    let other = path("other.key");
    std::fs::write(&other, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").expect("written");
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("it is ours");
    let told = refused(&["--key-file", &other], 3);
    assert!(told.contains("keyring does not open"), "{told}");

    let right = [init(&path("second/segura.toml")), vec!["--key-file".into(), path("guard.key")]];
    let right = segura(&right.concat().iter().map(String::as_str).collect::<Vec<_>>());
    assert!(right.status.success(), "{right:?}");
    assert!(folder.path().join("second/segura.toml").exists(), "the settings alone");
}

#[test]
fn a_second_init_refuses_what_it_would_ignore() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, key, token) = (path("segura.toml"), path("guard.key"), path("admin.token"));
    let init = ["init", "--url=https://segura.example:8443", "--config", &config];
    let with = |more: &[&str]| -> Vec<String> {
        init.iter().chain(more).map(ToString::to_string).collect()
    };
    let segura = |line: &[String]| segura(&line.iter().map(String::as_str).collect::<Vec<_>>());
    let refused =
        |line: &[String], code| refused(&line.iter().map(String::as_str).collect::<Vec<_>>(), code);
    let made = segura(&with(&[]));
    assert!(made.status.success(), "{made:?}");

    let again = segura(&with(&["--key-file", &key, "--credential-file", &token]));
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && !told.contains("flags"), "{told}");
    assert!(told.contains("no credential was written to") && told.contains(&token), "{told}");
    assert!(!folder.path().join("admin.token").exists());

    let (other, phrase) = (path("other.key"), path("phrase"));
    for (file, text) in [
        (&other, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"),
        (&phrase, "correct horse battery staple\n"),
    ] {
        std::fs::write(file, text).expect("written");
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("it is ours");
    }
    for (guard, code) in [(["--key-file", &other], 3), (["--passphrase-file", &phrase], 2)] {
        let told = refused(&with(&guard), code);
        assert!(told.contains("keyring does not open"), "{told}");
    }
    let told = refused(&with(&["--listen=127.0.0.1:1", "--set=limits.queue=7"]), 5);
    assert!(told.contains("--listen, --set limits.queue: nothing was changed"), "{told}");
    std::fs::copy(&key, path("copy.key")).expect("copied");
    let told = refused(&with(&["--key-file", &path("copy.key")]), 5);
    assert!(told.contains("--key-file"), "it opens the keyring, and is not that of the file");
}

#[test]
fn a_mistyped_flag_is_not_proposed_as_part_of_the_command() {
    let told = refused(&["exec", "--secrets", "db/x > X", "--", "true"], 2);
    assert!(told.contains("'--secret'"), "{told}");
    assert!(!told.contains("-- --secrets"), "{told}");
}

#[test]
fn what_cannot_be_written_is_one_mistake_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("file"), "").expect("written");
    let url = "--url=https://segura.example:8443";
    let (inside, config, dev) =
        (path("file/x/segura.toml"), path("etc/segura.toml"), path("file/x"));
    let data = path("file/data");
    for line in [
        &["init", "--json", url, "--config", &inside][..],
        &["init", "--json", url, "--config", &config, "--data-dir", &data],
        &["init", "--json", url, "--config", &config, "--key-file", &dev],
        &["dev", "--json", "--dir", &dev],
    ] {
        let told = refused(line, 2);
        let told: Value = serde_json::from_str(told.lines().last().expect("a line")).expect("JSON");
        assert_eq!(told["error"]["code"], "cannot-write", "{told}");
        assert!(told.to_string().contains("is no folder"), "{told}");
    }
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 1, "the file alone");
}

#[test]
fn recovery_takes_nobodys_name_unless_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, token) = (path("segura.toml"), path("new.token"));
    let made = segura(&["init", "--url=https://segura.example:8443", "--config", &config]);
    assert!(made.status.success(), "{made:?}");
    let recover =
        ["operator", "recover", "admin", "--config", &config, "--credential-file", &token];
    let told = refused(&recover, 5);
    assert!(told.contains("`admin` already: admin, with a credential until"), "{told}");
    assert!(told.contains("help: give --replace"), "{told}");
    assert!(!folder.path().join("new.token").exists(), "nothing is left behind");
    let replaced = segura(&[&recover[..], &["--replace"]].concat());
    assert!(replaced.status.success(), "{replaced:?}");
}

#[test]
fn init_on_a_database_that_cannot_be_reached_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("segura.toml").display().to_string();
    let line = ["init", "--url=https://segura.example:8443", "--config", &config, "--database"];
    let told = refused(&[&line[..], &["postgres://segura@127.0.0.1:9/segura"]].concat(), 7);
    assert!(told.contains("database"), "{told}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn a_port_where_nobody_listens_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("segura.toml").display().to_string();
    let output =
        segura(&["init", "--url", "https://segura.example", "--config", &config, "--json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("warning: server.url"), "{told}");
    let output = segura(&["config", "check", "--config", &config, "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(answer["warnings"][0].as_str().expect("a text").contains("8443"), "{answer}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_a_setting_to_correct() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("segura.toml");
    let data = folder.path().join("nowhere");
    let settings = format!(
        "[server]\nurl = [\"https://segura.example\"]\ndata_dir = {data:?}\n\n[guard]\nkey_file = {:?}\n",
        folder.path().join("guard.key")
    );
    std::fs::write(&config, settings).expect("written");
    let config = config.display().to_string();
    for command in [&["server"][..], &["ca", "show"]] {
        let arguments = [command, &["--config", &config, "--json"]].concat();
        let told: Value =
            serde_json::from_str(refused(&arguments, 2).lines().last().expect("a line"))
                .expect("one JSON object");
        assert_eq!(told["error"]["code"], "data-directory-unusable", "{told}");
        assert!(told.to_string().contains("segura init"), "{told}");
    }
}

#[test]
fn the_file_that_a_variable_named_is_told_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("job.token");
    std::fs::write(&empty, "").expect("written");
    let told = |variable: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segura"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env(variable, &empty);
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("it starts");
        String::from_utf8(output.stderr).expect("text")
    };
    let list = ["operator", "ls", "--url", "https://127.0.0.1:9"];
    let named = told("SEGURA_TOKEN_FILE", &list);
    assert!(named.contains("SEGURA_TOKEN_FILE names that file"), "{named}");
    let named = told("SEGURA_CA_CERT", &["ca", "show", "--url", "https://127.0.0.1:9"]);
    assert!(named.contains("job.token are trusted here (SEGURA_CA_CERT)"), "{named}");
    let exec = ["exec", "--url", "https://127.0.0.1:9", "--secret", "a > P", "--", "true"];
    let named = told("SEGURA_TOKEN_FILE", &exec);
    assert!(named.contains("it is empty\nhelp: did the step"), "{named}");
}

#[test]
fn a_command_that_needs_no_login_reads_none() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("segura");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("credentials.toml"), "no = TOML of ours").expect("written");
    let token = home.path().join("token");
    std::fs::write(&token, TOKEN).expect("written");
    let token = token.display().to_string();
    let with = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_segura"))
            .env_clear()
            .env("XDG_CONFIG_HOME", home.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts")
    };
    assert!(with(&["policy", "schema"]).status.success());
    // Nobody listens there: it came as far as that.
    let all = ["operator", "ls", "--url", "http://127.0.0.1:9", "--timeout", "1s"];
    let given = with(&[&all[..], &["--token-file", &token]].concat());
    assert_eq!(given.status.code(), Some(7), "{given:?}");
    let needed = with(&all);
    let told = String::from_utf8_lossy(&needed.stderr).into_owned();
    assert!(needed.status.code() != Some(7) && told.contains("credentials.toml"), "{told}");
}

#[test]
fn help_for_a_reader_that_has_gone_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_segura"));
    let status = command.arg("--help").stdout(writer).status().expect("the program starts");
    assert!(status.success(), "{status}");
}
