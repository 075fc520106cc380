//! Globs over claims: `*` stays inside one segment, `**` crosses.
//!
//! What ends a segment is said by the claim (`/` in a ref, `/` and `@` in a workflow
//! ref), so that `acme/*` never fits `acme/x/y`. There is no regular expression and no
//! escape: half-anchored patterns are the classic hole. Matching walks the text once
//! with a set of states in one word; no pattern makes it slow.

use std::fmt;

/// Most bytes of a pattern.
const MAX_PATTERN: usize = 512;

/// Most bytes between the first and the last wildcard: the states that fit one word.
const MAX_MIDDLE: usize = 127;

/// Why a pattern was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A character that other dialects give a meaning and this one does not have.
    #[error("the glob `{0}` has a backslash: there are no escapes, write an exact value instead")]
    Backslash(String),
    /// Control characters are in no claim that a policy can name.
    #[error("a glob holds no control characters")]
    Control,
    /// Nothing to match.
    #[error("a glob is not empty: leave the check out to accept any value")]
    Empty,
    /// No wildcard in it: an exact value says so better.
    #[error("the glob `{0}` has no `*`: write it as an exact value")]
    Exact(String),
    /// Over a bound.
    #[error(
        "the glob is too long: at most {MAX_PATTERN} bytes, {MAX_MIDDLE} between its first and \
         last `*`"
    )]
    TooLong,
    /// `***` and longer.
    #[error("the glob `{0}` has three `*` in a row: `*` stays inside a segment, `**` crosses")]
    TripleStar(String),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    source: Box<str>,
    /// Literal bytes before the first wildcard.
    prefix: usize,
    /// Literal bytes after the last wildcard.
    suffix: usize,
    middle: Middle,
    separators: &'static str,
}

/// What stands between the first and the last wildcard, one bit for each token.
#[derive(Clone, Debug, Default)]
struct Middle {
    /// The byte of each token; 0 for a wildcard.
    bytes: Box<[u8]>,
    /// Tokens that are `*`: any run of bytes, none of them a separator.
    stars: u128,
    /// Tokens that are `**`: any run of bytes.
    crossing: u128,
}

impl Glob {
    /// Compile `source` for a claim whose segments end at any of `separators` (ASCII).
    pub fn parse(source: &str, separators: &'static str) -> Result<Self, GlobError> {
        check_source(source)?;
        let first = source.find('*').ok_or_else(|| GlobError::Exact(source.to_owned()))?;
        let last = source.rfind('*').map_or(first, |at| at + 1);
        let middle = Middle::parse(&source.as_bytes()[first..last])?;
        let suffix = source.len() - last;
        Ok(Self { source: source.into(), prefix: first, suffix, middle, separators })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        let (source, text) = (self.source.as_bytes(), text.as_bytes());
        let (prefix, suffix) = (&source[..self.prefix], &source[source.len() - self.suffix..]);
        text.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix))
            .is_some_and(|rest| self.middle_matches(rest))
    }

    fn middle_matches(&self, text: &[u8]) -> bool {
        let separators = self.separators.as_bytes();
        let mut states = self.middle.start();
        for byte in text {
            states = self.middle.step(states, *byte, separators.contains(byte));
            if states == 0 {
                return false;
            }
        }
        states & (1 << self.middle.bytes.len()) != 0
    }
}

/// Bit `i` of the states says that the tokens before `i` fit the bytes read so far.
impl Middle {
    fn parse(source: &[u8]) -> Result<Self, GlobError> {
        let mut bytes = Vec::with_capacity(source.len());
        let (mut stars, mut crossing) = (0, 0);
        let mut left = source.iter().copied().peekable();
        while let Some(byte) = left.next() {
            if bytes.len() == MAX_MIDDLE {
                return Err(GlobError::TooLong);
            }
            let bit = 1 << bytes.len();
            match byte {
                b'*' if left.next_if_eq(&b'*').is_some() => crossing |= bit,
                b'*' => stars |= bit,
                _ => {}
            }
            bytes.push(if byte == b'*' { 0 } else { byte });
        }
        Ok(Self { bytes: bytes.into(), stars, crossing })
    }

    fn start(&self) -> u128 {
        self.skip(1)
    }

    /// The states after one more byte.
    fn step(&self, states: u128, byte: u8, separates: bool) -> u128 {
        let wildcards = self.crossing | if separates { 0 } else { self.stars };
        let mut next = states & wildcards;
        let mut literals = states & !(self.crossing | self.stars);
        while literals != 0 {
            let at = literals.trailing_zeros();
            literals &= literals - 1;
            if self.bytes.get(at as usize) == Some(&byte) {
                next |= 1 << (at + 1);
            }
        }
        self.skip(next)
    }

    /// Add the states reached by letting a wildcard fit nothing. One step is enough: no
    /// two wildcards stand side by side.
    const fn skip(&self, states: u128) -> u128 {
        states | ((states & (self.crossing | self.stars)) << 1)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn check_source(source: &str) -> Result<(), GlobError> {
    if source.is_empty() {
        Err(GlobError::Empty)
    } else if source.len() > MAX_PATTERN {
        Err(GlobError::TooLong)
    } else if source.chars().any(char::is_control) {
        Err(GlobError::Control)
    } else if source.contains('\\') {
        Err(GlobError::Backslash(source.to_owned()))
    } else if source.contains("***") {
        Err(GlobError::TripleStar(source.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern, "/@").unwrap().matches(text)
    }

    #[test]
    fn one_star_stays_inside_a_segment() {
        assert!(fits("refs/heads/release/*", "refs/heads/release/1.2"));
        assert!(!fits("refs/heads/release/*", "refs/heads/release/1.2/evil"));
        assert!(!fits("refs/heads/*", "refs/heads/x@y"));
        assert!(fits("*/payments", "acme/payments"));
        assert!(!fits("*", "acme/payments"));
    }

    #[test]
    fn two_stars_cross() {
        assert!(fits("refs/**", "refs/heads/release/1.2"));
        assert!(fits("**/deploy.yml@refs/heads/main", "a/b/.github/deploy.yml@refs/heads/main"));
        assert!(!fits("**/deploy.yml@refs/heads/main", "a/deploy.yml@refs/heads/main/x"));
    }

    #[test]
    fn the_whole_text_must_fit() {
        assert!(!fits("heads/*", "refs/heads/main"));
        assert!(!fits("refs/*/main", "refs/heads/main2"));
        assert!(!fits("aa*aa", "aaa"));
        assert!(fits("aa*aa", "aaaa"));
    }

    #[test]
    fn other_dialects_signs_are_letters_here() {
        assert!(!fits("release-?*", "release-1"));
        assert!(!fits("[ab]*", "a"));
        assert!(fits("dep*[bot]", "dependabot[bot]"));
    }

    #[test]
    fn what_cannot_mean_anything_is_refused() {
        let error = |text: &str| Glob::parse(text, "/").unwrap_err();
        assert_eq!(error(""), GlobError::Empty);
        assert_eq!(error("main"), GlobError::Exact("main".into()));
        assert_eq!(error("a/***"), GlobError::TripleStar("a/***".into()));
        assert_eq!(error(r"a\*"), GlobError::Backslash(r"a\*".into()));
        assert_eq!(error("a*\n"), GlobError::Control);
        assert_eq!(error(&format!("*{}*", "a".repeat(127))), GlobError::TooLong);
        assert!(Glob::parse(&format!("{0}*{0}", "a".repeat(255)), "/").is_ok());
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let glob = Glob::parse(&format!("{}b", "**a".repeat(60)), "/").unwrap();
        assert!(!glob.matches(&"a".repeat(64 * 1024)));
    }
}
