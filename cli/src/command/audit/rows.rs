//! Records as lines for a person.

use segura_model::api::AuditRow;
use segura_model::audit::{Event, Record};

use crate::print::{self, Table};

/// Records as a table.
pub(crate) fn table(rows: &[AuditRow]) -> String {
    let mut table = Table::new(&HEAD, "no records");
    for row in rows {
        table.row(cells(row));
    }
    table.render()
}

/// One record as a line of its own, for a table that never ends.
pub(crate) fn line(row: &AuditRow) -> String {
    let cells = cells(row);
    let [at, event, outcome, who, what, place] =
        cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { print::clean(&cell) });
    format!("{at}  {event:<14}  {outcome:<8}  {who}  {what}  {place}")
}

fn cells(row: &AuditRow) -> [String; 6] {
    let record = row.record.as_ref();
    [
        row.at.to_string(),
        row.event.clone(),
        row.outcome.clone(),
        record.map(|record| print::actor(&record.actor)).unwrap_or_default(),
        record.map_or_else(|| "(no longer kept)".to_owned(), what),
        format!("{}:{}", row.chain, row.seq),
    ]
}

/// The secrets, what was changed, and the code and id of a refusal.
fn what(record: &Record) -> String {
    let version = |version: Option<u32>| version.map(|n| format!("@{n}")).unwrap_or_default();
    let paths = record.paths.iter().map(|one| format!("{}{}", one.path, version(one.version)));
    let name = SUBJECTS.iter().find_map(|place| record.detail.pointer(place)?.as_str());
    let key = NUMBERED.iter().find_map(|(member, told)| {
        record.detail[*member].as_u64().map(|number| format!("{told} {number}"))
    });
    let code = record.code.iter().cloned();
    let denial = record.denial.iter().map(|id| format!("denial {id}"));
    let name = name.map(ToOwned::to_owned).or(key);
    let counted = counted(record);
    paths.chain(name).chain(code).chain(denial).chain(counted).collect::<Vec<_>>().join(" ")
}

/// How often, in what time and from where: of refusals that were counted.
fn counted(record: &Record) -> Option<String> {
    let number = |member: &str| record.detail[member].as_u64();
    let (Event::Summary, Some(count)) = (record.event, number("count")) else { return None };
    let span = number("seconds").map(|seconds| format!(" in {seconds} s")).unwrap_or_default();
    let network = record.detail["network"].as_str();
    let network = network.map(|network| format!(" from {network}")).unwrap_or_default();
    Some(format!("{count} times{span}{network}"))
}

/// Where a record of a change names what was changed.
const SUBJECTS: [&str; 9] = [
    "/policy",
    "/issuer",
    "/name",
    "/after/name",
    // Whose sessions were called off: `all`, or which.
    "/scope",
    "/scope/policy",
    "/scope/workload/subject",
    "/scope/issuer",
    // What opens the keys now.
    "/guard",
];

/// Keys have numbers and no names.
const NUMBERED: [(&str, &str); 2] = [("generation", "root key"), ("wrapping_key", "wrapping key")];

const HEAD: [&str; 6] = ["at", "event", "outcome", "who", "what", "record"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_change_says_of_what() {
        for (detail, told) in [
            (serde_json::json!({"policy": "deploy"}), "deploy"),
            (serde_json::json!({"scope": "all", "sessions": 1}), "all"),
            (serde_json::json!({"scope": {"policy": "deploy"}}), "deploy"),
            (serde_json::json!({"scope": {"issuer": "github"}}), "github"),
            (serde_json::json!({"scope": {"workload": {"issuer": "a", "subject": "s"}}}), "s"),
            (serde_json::json!({"generation": 2}), "root key 2"),
            (serde_json::json!({"wrapping_key": 3}), "wrapping key 3"),
            (serde_json::json!({"guard": "a key file"}), "a key file"),
        ] {
            let record = serde_json::json!({
                "event": "keyring.roll", "outcome": "changed", "at": 0, "detail": detail,
                "actor": {"kind": "server"},
            });
            assert_eq!(what(&serde_json::from_value(record).unwrap()), told);
        }
    }

    #[test]
    fn a_count_says_how_many_in_what_time_and_from_where() {
        let summary = |detail| {
            let record = serde_json::json!({
                "event": "summary", "outcome": "refused", "at": 0, "code": "token-expired",
                "actor": {"kind": "stranger"}, "detail": detail,
            });
            what(&serde_json::from_value(record).unwrap())
        };
        let whole = serde_json::json!({"count": 57, "seconds": 60, "network": "192.0.2.0/24"});
        assert_eq!(summary(whole), "token-expired 57 times in 60 s from 192.0.2.0/24");
        let overflow = serde_json::json!({"count": 3, "seconds": 60});
        assert_eq!(summary(overflow), "token-expired 3 times in 60 s");
    }

    #[test]
    fn a_record_fits_on_a_line() {
        let row: AuditRow = serde_json::from_value(serde_json::json!({
            "chain": "01JDGW5E6Y3X9T2K8M4Q7R0BVC", "seq": 7, "hash": "00", "at": 0,
            "event": "delivery", "outcome": "released",
            "record": {
                "event": "delivery", "outcome": "released", "at": 0,
                "actor": {"kind": "workload", "issuer": "github", "subject": "repo:a/b\n:x"},
                "paths": [{"path": "db/prod/password", "version": 3}],
            },
        }))
        .unwrap();
        assert_eq!(
            line(&row),
            "1970-01-01T00:00:00Z  delivery        released  github repo:a/b\u{fffd}:x  \
             db/prod/password@3  01JDGW5E6Y3X9T2K8M4Q7R0BVC:7"
        );
    }
}
