//! That the page on the client's error codes lists them all, each with its exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use segura_model::Kind;

const PAGE: &str = include_str!("../../docs/reference/error-codes.md");
const HTTP: &str = include_str!("../../docs/reference/http.md");

/// Whose errors a command may end with. Of the database and the vault also faults are
/// listed: on the server itself nobody else tells of them.
const ENDING: [&str; 14] = [
    "broker/src/config",
    "broker/src/dev",
    "broker/src/local",
    "broker/src/net/listener.rs",
    "broker/src/startup",
    "cli/src",
    "model/src/policy/file.rs",
    "model/src/wanted.rs",
    "plugins/src",
    "sdk/rust/src",
    "store/src/error.rs",
    "vault/src/authority",
    "vault/src/guard.rs",
    "vault/src/keyring",
];

/// Exit codes that are not their kind's.
const SPECIAL: [(&str, u8); 4] = [
    ("cancelled", 130),
    ("command-not-executable", 126),
    ("command-not-found", 127),
    ("signalled", 143),
];

/// All source text under these places of the repository, but for tests.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let mut text = std::fs::read_to_string(root.join("vault/src/authority.rs")).expect("there");
    let mut left: Vec<_> = ENDING.iter().map(|place| root.join(place)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = path.read_dir().expect("a folder");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            let file = std::fs::read_to_string(&path).expect("text");
            text += file.split("\nmod tests {").next().expect("a part");
        }
    }
    text
}

/// The exit codes of `Class::not_found("…")` and its kin, by code.
fn classified(source: &str) -> BTreeMap<String, BTreeSet<u8>> {
    let mut codes = BTreeMap::<String, BTreeSet<u8>>::new();
    for call in source.split("Class::").skip(1) {
        let Some((kind, rest)) = call.split_once('(') else { continue };
        let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let (Some((code, _)), Some(kind)) = (literal, kind_of(kind)) else { continue };
        let special = SPECIAL.iter().find(|(special, _)| *special == code);
        let exit = special.map_or(kind.exit_code(), |(_, exit)| *exit);
        codes.entry(code.to_owned()).or_default().insert(exit);
    }
    codes
}

fn kind_of(constructor: &str) -> Option<Kind> {
    Some(match constructor {
        "bad_request" => Kind::BadRequest,
        "conflict" => Kind::Conflict,
        "forbidden" => Kind::Forbidden,
        "internal" => Kind::Internal,
        "not_found" => Kind::NotFound,
        "too_large" => Kind::TooLarge,
        "unauthenticated" => Kind::Unauthenticated,
        "unavailable" => Kind::Unavailable,
        _ => return None,
    })
}

/// The codes of the tables, each with its exit code: one for all of a row, or one each.
fn listed() -> BTreeMap<String, u8> {
    let mut codes = BTreeMap::new();
    for row in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let names: Vec<&str> = cells[1].split(", ").map(|name| name.trim_matches('`')).collect();
        let exits: Vec<u8> =
            cells[2].split(", ").map(|exit| exit.parse().expect("a number")).collect();
        assert!(exits.len() == 1 || exits.len() == names.len(), "{row}");
        for (at, name) in names.iter().enumerate() {
            let exit = *exits.get(at).unwrap_or(&exits[0]);
            assert!(codes.insert((*name).to_owned(), exit).is_none(), "`{name}` is there twice");
        }
    }
    codes
}

#[test]
fn every_code_that_a_command_can_end_with_is_on_a_page() {
    let listed = listed();
    let codes = classified(&sources());
    assert!(codes.len() > 100, "the sources are read: {}", codes.len());
    let told = |code: &String| listed.contains_key(code) || HTTP.contains(&format!("`{code}`"));
    // What the broker's own answer stands for, whose code is told instead.
    let missing: Vec<_> = codes.keys().filter(|code| *code != "refused" && !told(code)).collect();
    assert!(missing.is_empty(), "on no page: {missing:?}");
}

#[test]
fn every_code_on_the_page_is_in_the_code_with_this_exit_code() {
    let codes = classified(&sources());
    for (code, exit) in listed() {
        let exits = codes.get(&code);
        assert!(exits.is_some_and(|exits| exits.contains(&exit)), "{code}: {exit}, not {exits:?}");
    }
}
