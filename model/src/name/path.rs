//! Where secrets live, and patterns over that.
//!
//! A path is the unit of authorisation, so it has exactly one spelling: no empty
//! or dot segments, nothing that a URL would need to escape. Case is kept;
//! [`SecretPath::folded`] lets the vault refuse two paths that differ in case only.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, is_mixed, text_type};

const MOST_SEGMENTS: usize = 16;
const LONGEST_SEGMENT: usize = 64;
const LONGEST_PATH: usize = 256;

/// Where a secret lives: `db/prod/password`.
///
/// Holding one proves it was parsed: 1–16 segments, each 1–64 of
/// `A–Z a–z 0–9 . _ -` and neither `.` nor `..`, 256 bytes in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretPath(String);

text_type!(SecretPath, r"^[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64}){0,15}$", 256);

impl SecretPath {
    /// The path in lower case: two paths with the same one cannot both exist.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The parts between the slashes.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for SecretPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_shape("a secret path", text)?;
        match text.split('/').find_map(|segment| segment_fault(segment, is_mixed)) {
            Some(rule) => Err(NameError::new("a secret path", text, rule)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// A pattern over paths: `db/prod/*`, `app/**`, `db/prod/root`.
///
/// `*` stands for any run of characters, also none, inside one segment. `**` as a
/// whole segment, alone or last, stands for one or more segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(String);

text_type!(PathPattern, r"^[A-Za-z0-9._*-]{1,64}(/[A-Za-z0-9._*-]{1,64}){0,15}$", 256);

impl PathPattern {
    /// Whether the pattern covers `path`.
    pub fn matches(&self, path: &SecretPath) -> bool {
        let mut segments = path.segments();
        for pattern in self.0.split('/') {
            let Some(segment) = segments.next() else { return false };
            if pattern == "**" {
                return true;
            }
            if !segment_matches(pattern.as_bytes(), segment.as_bytes()) {
                return false;
            }
        }
        segments.next().is_none()
    }
}

impl FromStr for PathPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |rule: String| Err(NameError::new("a path pattern", text, rule));
        check_shape("a path pattern", text)?;
        let last = text.split('/').count() - 1;
        for (at, segment) in text.split('/').enumerate() {
            if let Some(rule) = segment_fault(segment, |byte| is_mixed(byte) || byte == b'*') {
                return refuse(rule);
            }
            if segment.contains("**") && (segment != "**" || at != last) {
                return refuse(
                    "`**` stands for whole segments, and only at the end: write `app/**`; \
                     inside a segment use `*`"
                        .into(),
                );
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_shape(what: &'static str, text: &str) -> Result<(), NameError> {
    let refuse = |rule: String| Err(NameError::new(what, text, rule));
    if text.is_empty() {
        return refuse("it is empty; write for instance `db/prod/password`".into());
    }
    if text.len() > LONGEST_PATH {
        return refuse(format!("it has {} bytes, at most {LONGEST_PATH} fit", text.len()));
    }
    let segments = text.split('/').count();
    if segments > MOST_SEGMENTS {
        return refuse(format!("it has {segments} segments, at most {MOST_SEGMENTS} fit"));
    }
    Ok(())
}

fn segment_fault(segment: &str, allowed: impl Fn(u8) -> bool) -> Option<String> {
    match segment {
        "" => Some("no slash in front, at the end, or twice in a row".into()),
        "." | ".." => Some("a segment cannot be `.` or `..`".into()),
        long if long.len() > LONGEST_SEGMENT => {
            Some(format!("a segment has at most {LONGEST_SEGMENT} characters"))
        }
        other => other.bytes().any(|byte| !allowed(byte)).then(|| {
            format!("the segment `{}` may hold A–Z, a–z, 0–9, `.`, `_`, `-`", super::Shown(other))
        }),
    }
}

/// Match with one `*` remembered: on a mismatch the last star takes one byte more.
/// At worst the product of two lengths of at most 64.
fn segment_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, t));
        } else {
            return false;
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SecretPath {
        text.parse().unwrap()
    }

    fn covers(pattern: &str, text: &str) -> bool {
        pattern.parse::<PathPattern>().unwrap().matches(&path(text))
    }

    #[test]
    fn a_path_has_one_spelling() {
        for good in ["a", "db/prod/password", "App/TLS.crt", "a-b/c_d/..e", &["s"; 16].join("/")] {
            assert_eq!(path(good).as_str(), good);
        }
        let long_segment = "s".repeat(65);
        let long_path = vec!["s".repeat(64); 4].join("/") + "/x";
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/./b",
            "a/../b",
            "a b",
            "a%2Fb",
            "a\\b",
            "é",
            "a*",
            "a\0",
            "a/b\n",
            "a#b",
            "a@b",
            &long_segment,
            &long_path,
            &["s"; 17].join("/"),
        ] {
            assert!(bad.parse::<SecretPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_keeps_its_case_and_knows_its_twin() {
        assert_eq!(path("Db/Prod").as_str(), "Db/Prod");
        assert_eq!(path("Db/Prod").folded(), path("dB/pROD").folded());
    }

    #[test]
    fn a_star_stays_inside_its_segment() {
        assert!(covers("db/*", "db/prod"));
        assert!(covers("db/pr*d", "db/prod"));
        assert!(covers("db/*o*", "db/prod"));
        assert!(covers("*/prod", "db/prod"));
        assert!(covers("db/prod*", "db/prod"));
        assert!(!covers("db/*", "db/prod/password"));
        assert!(!covers("*", "db/prod"));
        assert!(!covers("db/p*x", "db/prod"));
        assert!(!covers("db/*", "db"));
        assert!(!covers("DB/*", "db/prod"));
    }

    #[test]
    fn two_stars_take_whole_segments_and_at_least_one() {
        assert!(covers("**", "db") && covers("**", "db/prod/password"));
        assert!(covers("app/**", "app/x") && covers("app/**", "app/x/y/z"));
        assert!(!covers("app/**", "app"));
        assert!(!covers("app/**", "application/x"));
        for bad in ["**/x", "a/**/b", "a**", "a/b**", "***", "a/***", "", "/", "a//**", "a/..", "?"]
        {
            assert!(bad.parse::<PathPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_exact_pattern_covers_one_path() {
        assert!(covers("db/prod", "db/prod") && !covers("db/prod", "db/prod2"));
    }
}
