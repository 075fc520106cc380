//! Paths that are typed from where a person stands, and are read from elsewhere.

use std::path::Path;

use serde_json::Value;

use super::command;

/// Run it in this folder; it must succeed.
fn run(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = command(arguments).current_dir(folder).output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

#[test]
fn a_path_that_was_typed_from_here_goes_into_the_settings_from_the_root_on() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("etc")).expect("a folder");
    let issuer_files = "--set=server.issuer_files=issuers, more";
    let init = ["init", "--url=https://segura.example:8443", "--config=etc/segura.toml"];
    let places = ["--data-dir=data", "--key-file=first.key", issuer_files];
    run(folder.path(), &[&init[..], &places].concat());
    let settings = std::fs::read_to_string(folder.path().join("etc/segura.toml")).expect("made");
    let settings: toml::Table = settings.parse().expect("TOML");
    let files = settings["server"]["issuer_files"].as_array().expect("a list");
    let written = [&settings["server"]["data_dir"], &settings["guard"]["key_file"]];
    for path in written.into_iter().chain(files) {
        assert!(Path::new(path.as_str().expect("a text")).is_absolute(), "{path}");
    }

    let rewrap = ["keyring", "rewrap", "--json", "--config", "etc/segura.toml"];
    let told = run(folder.path(), &[&rewrap[..], &["--new-key-file", "second.key"]].concat());
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let path = Path::new(told["path"].as_str().expect("a text"));
    assert!(path.is_absolute() && path.ends_with("second.key") && path.exists(), "{told}");
}
