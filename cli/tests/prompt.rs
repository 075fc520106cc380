//! At a terminal: what is asked, and what Ctrl-C does. `script` of util-linux, which every
//! Linux has, makes the terminal.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Run a shell line at a terminal and type `keys` once `prompt` is seen; what it showed.
fn at_a_terminal(line: &str, prompt: &str, keys: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).expect("written");
    let line = line.replace("segura", env!("CARGO_BIN_EXE_segura"));
    let mut child = Command::new("script")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SEGURA_URL", "http://127.0.0.1:9")
        .env("HOME", folder.path())
        .env("SEGURA_TIMEOUT", "1s")
        .env("SEGURA_TOKEN_FILE", &token)
        .args(["-qec", &format!("{line}; echo code $?; stty -a"), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("util-linux is there");
    let (mut typed, mut shown) = (child.stdin.take().expect("piped"), Vec::new());
    let mut screen = child.stdout.take().expect("piped");
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).contains(prompt) {
        assert_eq!(screen.read(&mut byte).expect("read"), 1, "no prompt: {shown:?}");
        shown.push(byte[0]);
    }
    typed.write_all(keys).expect("typed");
    screen.read_to_end(&mut shown).expect("read");
    drop(typed);
    child.wait().expect("it ends");
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn ctrl_c_at_a_prompt_is_130_and_the_terminal_talks_again() {
    let line = "env -u SEGURA_TOKEN_FILE segura login";
    let shown = at_a_terminal(line, "Operator credential", b"sgo_half\x03");
    assert!(shown.contains("code 130"), "{shown}");
    assert!(!shown.contains("half"), "{shown}");
    let settings = shown.split("code 130").nth(1).expect("after it");
    assert!(settings.contains(" echo ") && settings.contains(" icanon "), "{settings}");
}

#[test]
fn what_cannot_be_undone_is_asked_for_at_a_terminal() {
    for line in [
        "segura secret rm db/old",
        "segura policy rm payments",
        "segura issuer rm github",
        "segura operator rm ana",
        "segura session revoke --all",
    ] {
        let shown = at_a_terminal(line, "[y/N] ", b"n\n");
        assert!(shown.contains("cancelled") && shown.contains("code 130"), "{line}: {shown}");
    }
    let shown = at_a_terminal("segura secret rm db/old", "[y/N] ", b"y\n");
    assert!(shown.contains("code 7"), "it went on, and there is no broker: {shown}");
    let shown = at_a_terminal("segura secret rm db/old --yes", "error: ", b"");
    assert!(!shown.contains("[y/N]") && shown.contains("code 7"), "{shown}");
}

#[test]
fn a_script_is_not_asked() {
    let line = "echo | segura secret rm db/old";
    let shown = at_a_terminal(line, "error: ", b"");
    assert!(!shown.contains("[y/N]") && shown.contains("code 7"), "{shown}");
}

const TOKEN: &str = "sgo_Ze2vQB6QFWjlLAadSYbxrt6p5GI5JAkOoPqGaqntTPZ1WD5yN";
