//! That the page on HTTP lists the error codes that answers have.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/reference/http.md");

/// Whose errors may be a route's answer. Faults of the server are left out: the page names
/// the common ones, and a caller can do the same about each.
const ANSWERING: [&str; 7] = [
    "broker/src/http",
    "broker/src/oidc",
    "broker/src/service",
    "store/src/error.rs",
    "vault/src/operator_token.rs",
    "vault/src/secrets",
    "vault/src/session_token.rs",
];
/// Codes among these that only a start can meet.
const OF_A_START: [&str; 2] = ["data-directory-in-use", "database-url"];

/// All source text under these places of the repository, but for tests.
fn sources(places: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut text = String::new();
    let mut left: Vec<_> = places.iter().map(|place| root.join(place)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path.ends_with("tests.rs") {
            let file = std::fs::read_to_string(&path).unwrap();
            text += file.split("\nmod tests {").next().unwrap();
        }
    }
    text
}

/// Whether this is written as a code is.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What stands between two marks like this one.
fn between(mark: char, text: &str) -> BTreeSet<&str> {
    text.split(mark).skip(1).step_by(2).filter(|text| is_code(text)).collect()
}

/// The codes of `Class::not_found("…")` and its kin.
fn classified(source: &str) -> BTreeSet<&str> {
    let calls = source.split("Class::").skip(1).filter_map(|call| {
        let (kind, rest) = call.split_once('(')?;
        let code = rest.trim_start().strip_prefix('"')?.split_once('"')?.0;
        (kind != "internal" && is_code(code)).then_some(code)
    });
    calls.collect()
}

fn errors() -> &'static str {
    PAGE.split_once("\n## Errors\n").unwrap().1
}

#[test]
fn every_code_of_an_answer_is_on_the_page() {
    let source = sources(&ANSWERING);
    let documented: BTreeSet<_> = errors().lines().flat_map(|line| between('`', line)).collect();
    let mut missing = classified(&source);
    assert!(missing.len() > 80, "the sources are read: {}", missing.len());
    missing.retain(|code| !documented.contains(code) && !OF_A_START.contains(code));
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

#[test]
fn every_code_in_a_table_is_in_the_code() {
    let source = sources(&["broker/src", "model/src", "store/src", "vault/src"]);
    let rows = errors().lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let listed: Vec<_> = rows.map(|cell| format!("`{cell}")).collect();
    let listed: BTreeSet<_> = listed.iter().flat_map(|cell| between('`', cell)).collect();
    assert!(listed.len() > 80, "the tables are read: {}", listed.len());
    let unknown = listed.iter().filter(|code| !source.contains(&format!("\"{code}\"")));
    assert_eq!(unknown.collect::<Vec<_>>(), [&""; 0]);
}
