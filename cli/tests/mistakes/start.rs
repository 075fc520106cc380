//! A server that does not start: what failed, where that setting is, what to do.

use std::path::{Path, PathBuf};

use super::{command, refused};

/// A configuration file over this data directory; more settings below it.
fn settings(folder: &Path, data: &Path, more: &str) -> PathBuf {
    let config = folder.join("segura.toml");
    let guard = folder.join("guard.key");
    let text = format!(
        "[server]\nurl = [\"https://segura.example\"]\ndata_dir = {data:?}\n\
         metrics_listen = \"off\"\n{more}\n[guard]\nkey_file = {guard:?}\n"
    );
    std::fs::write(&config, text).expect("written");
    config
}

/// What the last line says of a server that does not start, for a person.
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
    let file = settings(folder.path(), &empty, "");
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
