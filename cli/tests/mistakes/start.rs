//! A server that does not start: what failed, where that setting is, what to do.

use std::path::{Path, PathBuf};

use super::{command, refused};

/// A configuration file over this data directory.
fn settings(folder: &Path, data: &Path) -> PathBuf {
    let config = folder.join("segura.toml");
    let guard = folder.join("guard.key");
    let text = format!(
        "[server]\nurl = [\"https://segura.example\"]\nmetrics_listen = \"off\"\n\
         data_dir = \"{}\"\n\n[guard]\nkey_file = \"{}\"\n",
        data.display(),
        guard.display(),
    );
    std::fs::write(&config, text).expect("written");
    config
}

/// What is said on standard error by a server that does not start.
fn told(output: &std::process::Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

#[test]
fn a_wrong_data_folder_is_named_with_the_setting_and_nothing_is_made_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, nowhere) = (folder.path().join("empty"), folder.path().join("nowhere"));
    std::fs::create_dir(&empty).expect("a folder");
    let file = settings(folder.path(), &empty);
    let config = file.display().to_string();

    for line in [&["server"][..], &["ca", "show"], &["operator", "recover", "ana"]] {
        let told = refused(&[line, &["--config", &config]].concat(), 6);
        let place = format!("{}, which `server.data_dir` (from {config}) names", empty.display());
        assert!(told.contains(&place) && told.contains("holds no database"), "{told}");
        assert!(told.contains("mistyped") && told.contains("segura init"), "{told}");
    }
    let by_flag = ["server", "--config", &config, "--data-dir"];
    let told_of_flag = refused(&[&by_flag[..], &[&nowhere.display().to_string()]].concat(), 2);
    assert!(told_of_flag.contains("(from the command line) names, is not there"), "{told_of_flag}");
    let mut by_variable = command(&["server", "--config", &config]);
    by_variable.env("SEGURA_SERVER__DATA_DIR", &file);
    let told = told(&by_variable.output().expect("it starts"), 2);
    assert!(told.contains("SEGURA_SERVER__DATA_DIR) names, is no folder"), "{told}");

    assert_eq!(empty.read_dir().expect("a folder").count(), 0, "nothing is made");
    assert!(!nowhere.exists(), "nor there");
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("segura.toml").display().to_string();
    let made = super::segura(&["init", "--url=https://segura.example:8443", "--config", &config]);
    assert!(made.status.success(), "{made:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("it has one").to_string();
    let line = ["server", "--config", &config, "--set=server.metrics_listen=off", "--listen"];
    let output = command(&[&line[..], &[&address]].concat()).output().expect("it starts");
    let told = told(&output, 5);
    assert!(told.contains("`server.listen`): another process"), "{told}");
    assert!(told.contains("help: `ss -ltnp"), "{told}");
}

#[test]
fn a_database_that_does_not_let_us_in_is_told_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let config = settings(folder.path(), &data).display().to_string();
    let with = |url: &str, password: &[&str], code| {
        let mut server = command(&["server", "--config", &config]);
        server.env("SEGURA_DATABASE__URL", url);
        server.envs(password.iter().map(|password| ("SEGURA_DATABASE__PASSWORD", password)));
        let told = told(&server.output().expect("it starts"), code);
        assert!(!told.contains("canary"), "{told}");
        told
    };
    let place = "postgres://127.0.0.1:9/segura, which `database.url` (from the environment, \
                 SEGURA_DATABASE__URL) names, does not answer";
    let within = "postgres://ana:canary@127.0.0.1:9/segura";
    for (url, password) in
        [(within, &[][..]), ("postgres://ana@127.0.0.1:9/segura", &["canary"][..])]
    {
        let silent = with(url, password, 7);
        assert!(silent.contains(place) && silent.contains("listen_addresses"), "{silent}");
    }
    assert!(with(within, &["canary"], 2).contains("keep one"));
    assert!(with("postgres:///segura", &["canary"], 2).contains("postgres://user@host/name"));

    std::fs::write(data.join("segura.db"), "no database at all, ".repeat(500)).expect("written");
    let other = refused(&["server", "--config", &config], 2);
    assert!(other.contains(&data.display().to_string()), "{other}");
    assert!(other.contains("no SQLite database") && other.contains("backup"), "{other}");
}
