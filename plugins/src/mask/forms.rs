//! The forms in which tools print a value.
//!
//! The value, its lines, and the texts inside a JSON value (`json.rs`); each as it is and
//! escaped for JSON, URLs, XML and shells; the value in base64 and hex, and its lines in
//! base64. Base64 depends on what stands before the value, so it has three forms: of each,
//! the characters that the value alone decides.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use segura_model::SecretText;
use zeroize::Zeroizing;

use super::SHORTEST;
use super::index::HEAD;
use super::json;
use crate::percent;

/// One form of a value.
#[derive(PartialEq, Eq)]
pub(super) struct Form {
    pub(super) text: Zeroizing<Vec<u8>>,
    pub(super) breaks: Breaks,
}

impl Hash for Form {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.as_slice().hash(state);
    }
}

/// Whether tools break a text of this form into lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaks {
    /// At any place, for the lines are counted from what stands before it: `base64`, `xxd -p`.
    Anywhere,
    /// None but its own.
    Never,
}

/// All forms of these values, each once.
pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a SecretText>) -> HashSet<Form> {
    let mut forms = Forms::default();
    for value in values {
        // EXPOSE: to know what to look for; the forms are wiped when dropped.
        let text = value.expose();
        forms.add_texts(text);
        forms.add_encodings(text.as_bytes());
        forms.add_encodings(text.trim().as_bytes());
        for text in json::texts(text) {
            forms.add_texts(&text);
        }
    }
    forms.known
}

/// The lines of a value without the space around them; blank ones are left out.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty())
}

#[derive(Default)]
struct Forms {
    known: HashSet<Form>,
    /// Bytes of lines that were encoded by themselves.
    lines: usize,
}

impl Forms {
    /// A text, its lines, and all of them escaped.
    fn add_texts(&mut self, text: &str) {
        for piece in [text, text.trim()].into_iter().chain(lines(text)) {
            if piece.chars().count() < SHORTEST {
                continue;
            }
            self.add(piece.as_bytes().to_vec(), Breaks::Never);
            for escape in ESCAPES {
                self.add(escape(piece).into_bytes(), Breaks::Never);
            }
        }
        self.add_lines_in_base64(text);
    }

    /// What `head -1 key | base64` prints. A text of one line is encoded as a whole.
    fn add_lines_in_base64(&mut self, text: &str) {
        for line in lines(text).filter(|line| *line != text.trim()) {
            if line.len() < SHORTEST_IN_BASE64 || self.lines + line.len() > MOST_IN_BASE64 {
                continue;
            }
            self.lines += line.len();
            for offset in 0..3 {
                self.add_base64(line.as_bytes(), offset);
            }
        }
    }

    fn add_encodings(&mut self, bytes: &[u8]) {
        for offset in 0..3 {
            self.add_base64(bytes, offset);
        }
        self.add(hex(bytes, |text, byte| write!(text, "{byte:02x}")), Breaks::Anywhere);
        self.add(hex(bytes, |text, byte| write!(text, "{byte:02X}")), Breaks::Anywhere);
    }

    /// Base64 of the value with `offset` bytes before it in the first group of three.
    fn add_base64(&mut self, bytes: &[u8], offset: usize) {
        let mut input = Zeroizing::new(vec![0; offset]);
        input.extend_from_slice(bytes);
        // Characters are six bits: the first and the last that hold the value's only.
        let first = (8 * offset).div_ceil(6);
        let decided = 8 * input.len() / 6;
        for (padded, bare) in [(&STANDARD, &STANDARD_NO_PAD), (&URL_SAFE, &URL_SAFE_NO_PAD)] {
            let whole = Zeroizing::new(padded.encode(&*input));
            // Of a long form the padded text says it all: it is compared as far as it goes.
            if decided - first <= HEAD {
                let ended = Zeroizing::new(bare.encode(&*input));
                self.add(ended.as_bytes()[first..decided].to_vec(), Breaks::Anywhere);
                self.add(ended.as_bytes()[first..].to_vec(), Breaks::Anywhere);
            }
            self.add(whole.as_bytes()[first..].to_vec(), Breaks::Anywhere);
        }
    }

    fn add(&mut self, text: Vec<u8>, breaks: Breaks) {
        let text = Zeroizing::new(text);
        if text.len() >= SHORTEST {
            self.known.insert(Form { text, breaks });
        }
    }
}

type Escape = fn(&str) -> String;

const ESCAPES: [Escape; 13] = [
    json_escaped,
    |text| ascii(&json_escaped(text)),
    |text| json_escaped(text).replace('/', "\\/"),
    percent::encode,
    |text| lower_hex(&percent::encode(text)),
    |text| percent::encode(text).replace("%20", "+").replace('~', "%7E").replace("%2A", "*"),
    encode_uri,
    xml,
    |text| text.replace('\'', r"'\''"),
    |text| text.replace('\'', r#"'"'"'"#),
    |text| backslashed(text, |c| matches!(c, '"' | '$' | '\\' | '`')),
    |text| {
        backslashed(text, |c| {
            c.is_ascii() && !c.is_ascii_alphanumeric() && !"_@%+=:,./-".contains(c)
        })
    },
    ansi_c,
];

/// Inside the quotes of a JSON string.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("any text is a JSON string");
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON for transports that are afraid of anything but ASCII.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a string takes all that is written");
            }
        }
    }
    escaped
}

/// `%2F` as `%2f`.
fn lower_hex(encoded: &str) -> String {
    let mut lower = String::with_capacity(encoded.len());
    let mut digits = 0_u8;
    for c in encoded.chars() {
        lower.push(if digits > 0 { c.to_ascii_lowercase() } else { c });
        digits = if c == '%' { 2 } else { digits.saturating_sub(1) };
    }
    lower
}

/// What `encodeURI` does: a URL's own punctuation stays.
fn encode_uri(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if ";,/?:@&=+$#!'()*".contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&percent::encode(c.encode_utf8(&mut [0; 4])));
        }
    }
    encoded
}

fn xml(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Inside double quotes, or as `printf %q` writes it.
fn backslashed(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Inside `$'…'`, which `set -x` writes; Python's `repr` is the same for most texts.
fn ansi_c(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
    text.replace('\r', "\\r").replace('\t', "\\t")
}

fn hex(bytes: &[u8], digit: impl Fn(&mut String, u8) -> std::fmt::Result) -> Vec<u8> {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        digit(&mut text, *byte).expect("a string takes all that is written");
    }
    text.into_bytes()
}

/// Bytes of a line. The base64 of a shorter one has too few characters that it alone decides,
/// and such lines are as a rule punctuation.
const SHORTEST_IN_BASE64: usize = 8;
/// Bytes of lines in base64, over all values: each has several forms, and a log is searched
/// for all of them at once.
const MOST_IN_BASE64: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) -> bool {
        let value = SecretText::new(value);
        of([&value]).iter().any(|known| *known.text == form.as_bytes())
    }

    #[test]
    fn a_value_has_the_forms_that_tools_print() {
        let value = "p4s$ \"w'rd/é&<";
        for form in [
            "p4s$ \"w'rd/é&<",
            r#"p4s$ \"w'rd/é&<"#,
            r#"p4s$ \"w'rd/\u00e9&<"#,
            r#"p4s$ \"w'rd\/é&<"#,
            "p4s%24%20%22w%27rd%2F%C3%A9%26%3C",
            "p4s%24%20%22w%27rd%2f%c3%a9%26%3c",
            "p4s%24+%22w%27rd%2F%C3%A9%26%3C",
            "p4s$%20%22w'rd/%C3%A9&%3C",
            "p4s$ &quot;w&#39;rd/é&amp;&lt;",
            r#"p4s$ "w'\''rd/é&<"#,
            r#"p4s\$ \"w'rd/é&<"#,
            r#"p4s\$\ \"w\'rd/é\&\<"#,
            "703473242022772772642fc3a9263c",
            "703473242022772772642FC3A9263C",
        ] {
            assert!(has(value, form), "{form}");
        }
    }

    #[test]
    fn base64_has_three_shifts_and_two_alphabets() {
        // "xx" + "hunter2???" + "y" in base64, cut to what the value decides.
        for form in [
            "aHVudGVyMj8/P",
            "aHVudGVyMj8/Pw",
            "aHVudGVyMj8/Pw==",
            "aHVudGVyMj8_Pw",
            "h1bnRlcjI/Pz8",
            "odW50ZXIyPz8_",
            "odW50ZXIyPz8/",
        ] {
            assert!(has("hunter2???", form), "{form}");
        }
    }

    #[test]
    fn a_value_of_many_lines_is_known_by_each_that_is_long_enough() {
        let key = "-----BEGIN KEY-----\r\n  c2VjcmV0\n}\n";
        assert!(has(key, "c2VjcmV0"));
        assert!(has(key, "-----BEGIN KEY-----"));
        assert!(!has(key, "}"));
    }

    #[test]
    fn each_line_that_is_long_enough_is_known_in_base64() {
        let key = "-----BEGIN KEY-----\nhunter2hunter2\r\nshort\n-----END KEY-----\n";
        for before in ["", "x", "xx"] {
            let whole = STANDARD_NO_PAD.encode(format!("{before}hunter2hunter2"));
            let first = (8 * before.len()).div_ceil(6);
            assert!(has(key, &whole[first..]), "{before}");
        }
        // With the line break that `head -1` leaves.
        let broken = STANDARD.encode("hunter2hunter2\n");
        assert!(has(key, &broken[..18]), "{broken}");
        assert!(!has(key, &STANDARD.encode("short")));
    }

    #[test]
    fn the_lines_of_a_huge_value_are_encoded_within_a_bound() {
        let lines: Vec<_> = (0..20_000).map(|line| format!("{line:032}")).collect();
        let value = SecretText::new(lines.join("\n"));
        let (first, last) = (STANDARD.encode(&lines[1]), STANDARD.encode(&lines[19_000]));
        let known = of([&value]);
        let has = |text: &str| known.iter().any(|form| *form.text == text.as_bytes());
        assert!(has(&first) && !has(&last));
    }

    #[test]
    fn the_texts_inside_a_json_value_are_known_unescaped() {
        let value = r#"{"type":"oauth2","private_key":"-----BEGIN-----\nline-of-key\n"}"#;
        assert!(has(value, "line-of-key"));
        assert!(!has(value, "oauth2"), "a word that is in every log");
        let value = r#"{"username":"app","password":"S3cr3t-Passw0d"}"#;
        assert!(has(value, "S3cr3t-Passw0d") && !has(value, "app"));
    }
}
