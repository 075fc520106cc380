//! The texts inside a JSON value that are secrets by themselves.
//!
//! A member is hidden if it has as few characters as any value may have where its name
//! says that it is a secret, else if it has eight: "app" and "prod" are in every log.

use serde_json::Value;
use zeroize::Zeroizing;

use super::SHORTEST;

/// What `jq -r` would print of it, where that may be a secret: a text inside JSON loses
/// its escapes. None of a value that is no JSON.
pub(crate) fn texts(value: &str) -> Vec<Zeroizing<String>> {
    let mut texts = Vec::new();
    if value.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(value)
    {
        add(json, Named::Otherwise, &mut texts);
    }
    texts
}

/// What the name of a member says of it.
#[derive(Clone, Copy)]
enum Named {
    LikeASecret,
    Otherwise,
}

impl Named {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        if SECRETS.iter().any(|part| name.contains(part)) {
            Self::LikeASecret
        } else {
            Self::Otherwise
        }
    }
}

/// The members of an array have the array's name.
fn add(json: Value, named: Named, texts: &mut Vec<Zeroizing<String>>) {
    let text = match (json, named) {
        (Value::Array(members), _) => {
            return members.into_iter().for_each(|member| add(member, named, texts));
        }
        (Value::Object(members), _) => {
            return members.into_iter().for_each(|(name, member)| {
                add(member, Named::of(&name), texts);
            });
        }
        (Value::String(text), _) => text,
        // A PIN; other numbers are in every log.
        (Value::Number(number), Named::LikeASecret) => number.to_string(),
        _ => return,
    };
    let text = Zeroizing::new(text);
    let shortest = match named {
        Named::LikeASecret => SHORTEST,
        Named::Otherwise => SHORTEST_OTHERWISE,
    };
    if text.chars().count() >= shortest {
        texts.push(text);
    }
}

/// What is in the name of a secret.
const SECRETS: [&str; 6] = ["credential", "key", "pass", "pwd", "secret", "token"];
/// Characters of a text whose name does not say that it is a secret.
const SHORTEST_OTHERWISE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &str) -> Vec<String> {
        texts(value).iter().map(|text| text.to_string()).collect()
    }

    #[test]
    fn a_member_that_is_named_like_a_secret_may_be_as_short_as_any_value() {
        for name in ["password", "dbPass", "API_KEY", "clientSecret", "token", "PWD", "credentials"]
        {
            assert_eq!(found(&format!(r#"{{"{name}":"hunt","user":"hunt"}}"#)), ["hunt"], "{name}");
            assert!(found(&format!(r#"{{"{name}":"us"}}"#)).is_empty());
        }
        assert_eq!(
            found(r#"{"pass":[48151623,"abcd"],"port":54321,"on":true}"#),
            ["48151623", "abcd"]
        );
    }

    #[test]
    fn other_members_have_eight_characters() {
        let value = r#"[{"user":"app-user","host":"db.prod.example"},"1234567","12345678",{"a":{"b":"äöüäöüäö"}}]"#;
        assert_eq!(found(value), ["db.prod.example", "app-user", "12345678", "äöüäöüäö"]);
    }

    #[test]
    fn what_is_no_json_has_no_members() {
        assert!(
            found("{not json, but long enough}").is_empty()
                && found("\"a string alone\"").is_empty()
        );
    }
}
