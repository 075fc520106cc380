//! What an apply changes, for the ledger and the reviewer.

use serde::Serialize;
use serde_json::{Value, json};

/// The members that differ, each with its place (`claims.ref`) and both values.
pub(super) fn diff(before: Option<&impl Serialize>, after: &impl Serialize) -> Value {
    let before = before.map_or(Value::Null, to_value);
    let mut changes = Vec::new();
    walk("", &before, &to_value(after), &mut changes);
    Value::Array(changes)
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("drafts and entries are JSON")
}

fn walk(place: &str, before: &Value, after: &Value, changes: &mut Vec<Value>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        let mut change = json!({ "at": place });
        for (name, value) in [("before", before), ("after", after)] {
            if !value.is_null() {
                change[name] = value.clone();
            }
        }
        changes.push(change);
        return;
    };
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    for key in new.keys().chain(gone) {
        let side = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        walk(&place, &side(old), &side(new), changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed_with_its_place() {
        let before = json!({ "a": 1, "claims": { "ref": "x", "env": "prod" }, "gone": true });
        let after = json!({ "a": 1, "claims": { "ref": "y", "env": "prod" }, "new": [1] });
        assert_eq!(
            diff(Some(&before), &after),
            json!([
                { "at": "claims.ref", "before": "x", "after": "y" },
                { "at": "new", "after": [1] },
                { "at": "gone", "before": true },
            ])
        );
        assert_eq!(diff(Some(&after), &after), json!([]));
    }

    #[test]
    fn a_new_thing_is_listed_whole() {
        let after = json!({ "a": 1 });
        assert_eq!(diff(None::<&Value>, &after), json!([{ "at": "", "after": { "a": 1 } }]));
    }
}
