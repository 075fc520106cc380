//! The texts inside a JSON value that are secrets by themselves.

use serde_json::Value;
use zeroize::Zeroizing;

/// What `jq -r` would print of it, where that may be a secret: a text inside JSON loses
/// its escapes. None of a value that is no JSON.
pub(crate) fn texts(value: &str) -> Vec<Zeroizing<String>> {
    let mut texts = Vec::new();
    if value.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(value)
    {
        add(json, &mut texts);
    }
    texts
}

fn add(json: Value, texts: &mut Vec<Zeroizing<String>>) {
    match json {
        Value::Array(members) => members.into_iter().for_each(|member| add(member, texts)),
        Value::Object(members) => members.into_iter().for_each(|(_, member)| add(member, texts)),
        Value::String(text) => {
            let text = Zeroizing::new(text);
            // Shorter ones are as a rule no secrets: "service_account".
            if text.chars().count() >= SHORTEST_IN_JSON {
                texts.push(text);
            }
        }
        _ => {}
    }
}

const SHORTEST_IN_JSON: usize = 16;
