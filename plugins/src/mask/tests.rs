//! What the filter promises: nothing leaks, nothing waits, nothing else changes.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

mod broken;

fn masker(values: &[&str]) -> Masker {
    let values: Vec<_> = values.iter().map(|value| SecretText::new(*value)).collect();
    Masker::new(&values, ShortValues::Refuse).unwrap()
}

/// Everything that comes out of a stream that gets these pieces and ends.
fn through(masker: &Masker, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = masker.stream();
    let mut shown = Vec::new();
    for piece in pieces {
        stream.push(piece, &mut shown);
    }
    stream.finish(&mut shown);
    shown
}

fn masked(values: &[&str], output: &str) -> String {
    String::from_utf8(through(&masker(values), &[output.as_bytes()])).unwrap()
}

/// What a stream shows before it has ended.
fn so_far(values: &[&str], output: &str) -> String {
    let mut shown = Vec::new();
    masker(values).stream().push(output.as_bytes(), &mut shown);
    String::from_utf8(shown).unwrap()
}

/// A long value that does not repeat itself: `00000-00001-…`.
fn numbers(count: usize) -> String {
    let numbers: Vec<_> = (0..count).map(|number| format!("{number:05}-")).collect();
    numbers.concat()
}

/// Where in the base64 of a text the characters are that `bytes` after `before` alone decide.
fn core(before: &str, bytes: usize) -> Range<usize> {
    (8 * before.len()).div_ceil(6)..8 * (before.len() + bytes) / 6
}

fn hex(value: &str) -> String {
    let bytes: Vec<_> = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    bytes.concat()
}

#[test]
fn a_value_becomes_three_stars() {
    assert_eq!(masked(&["hunter2"], "user hunter2 logs in"), "user *** logs in");
}

#[test]
fn what_is_no_value_is_left_alone() {
    for output in ["", "hunter", "hunter1\nhunt hunter3\n", "päss\u{0}\r\n"] {
        assert_eq!(so_far(&["hunter2"], &format!("{output}.")), format!("{output}."));
    }
}

#[test]
fn a_prompt_appears_at_once() {
    assert_eq!(so_far(&["hunter2"], "Password: "), "Password: ");
    assert_eq!(so_far(&["hunter2"], "Continue with h"), "Continue with ");
    assert_eq!(so_far(&["hunter2"], "Continue with hx"), "Continue with hx");
}

#[test]
fn a_whole_value_is_replaced_at_once() {
    assert_eq!(so_far(&["hunter2"], "got hunter2"), "got ***");
}

#[test]
fn overlapping_values_are_hidden_entirely() {
    assert_eq!(masked(&["abcdef", "defghi"], "xabcdefghiy"), "x***y");
    assert_eq!(masked(&["abcdefgh", "cdef"], "xcdefgh abcdefg."), "x***gh ab***g.");
    assert_eq!(masked(&["abcd", "abcdefgh"], "abcdefgh"), "***");
}

#[test]
fn a_value_twice_in_a_row_is_one_hidden_part() {
    assert_eq!(masked(&["hunter2"], "hunter2hunter2,hunter2"), "***,***");
}

#[test]
fn each_line_of_a_value_is_hidden_by_itself() {
    let key = "-----BEGIN KEY-----\nbGluZSBvbmU\n}\n-----END KEY-----\n";
    let output = "1: -----BEGIN KEY-----\n2: bGluZSBvbmU\n3: }\n";
    assert_eq!(masked(&[key], output), "1: ***\n2: ***\n3: }\n");
    assert_eq!(masked(&[key], &format!("[{key}]")), "[***]");
}

#[test]
fn a_long_value_is_hidden_to_where_it_is_cut_off() {
    let value = numbers(40);
    assert_eq!(masked(&[&value], &format!("a{value}b")), "a***b");
    assert_eq!(masked(&[&value], &format!("a{}b", &value[..150])), "a***b");
    assert_eq!(so_far(&[&value], &format!("a{}", &value[..150])), "a***");
}

#[test]
fn a_long_value_in_broken_base64_is_hidden_line_by_line() {
    let value = numbers(40);
    let encoded = STANDARD.encode(&value);
    for width in [60, 64, 76] {
        let lines: Vec<_> = encoded
            .as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        let output = masked(&[&value], &format!("{}\nend\n", lines.join("\n")));
        assert_eq!(output, format!("{}end\n", "***\n".repeat(lines.len())));
    }
}

#[test]
fn a_value_that_repeats_itself_is_hidden_from_wherever_it_begins() {
    let value = format!("{}end-of-it", "ab".repeat(500));
    assert_eq!(masked(&[&value], &format!("ab{value}.")), "***.");
    assert_eq!(masked(&[&value], &format!("b{value}{value}.")), "b***.");
}

#[test]
fn a_piece_that_the_end_cut_off_is_hidden_when_it_says_too_much() {
    assert_eq!(masked(&["hunter2!"], "it is hunter2"), "it is ***");
    assert_eq!(masked(&["hunter2!"], "it is hun"), "it is hun");
    assert_eq!(masked(&["hunter2!"], "hunter2!hunt"), "***");
}

#[test]
fn a_value_under_four_characters_is_refused_or_left_visible() {
    let values = ["longer", " us ", ""].map(SecretText::new);
    let refused = Masker::new(&values, ShortValues::Refuse).err();
    assert_eq!(refused, Some(MaskError::TooShort { position: 1 }));
    let masker = Masker::new(&values, ShortValues::LeaveVisible).unwrap();
    assert_eq!(through(&masker, &[b"longer us"]), b"*** us");
    assert!(can_hide(&SecretText::new("日本語字")), "characters count, not bytes");
    assert!(!can_hide(&SecretText::new("日本")));
}

#[test]
fn more_than_two_mebibytes_are_refused() {
    let values = [SecretText::new("x".repeat((2 << 20) + 1))];
    let refused = Masker::new(&values, ShortValues::Refuse).err();
    assert_eq!(refused, Some(MaskError::TooLarge { limit: 2 << 20 }));
}

#[test]
fn nothing_is_hidden_without_values() {
    assert_eq!(masked(&[], "all of it"), "all of it");
}

#[test]
fn two_streams_do_not_share_a_half_seen_value() {
    let masker = masker(&["hunter2"]);
    let (mut out, mut err) = (masker.stream(), masker.stream());
    let mut shown = Vec::new();
    out.push(b"hun", &mut shown);
    err.push(b"ter2", &mut shown);
    assert_eq!(shown, b"ter2");
}

#[test]
fn at_most_a_head_is_ever_held() {
    let value = numbers(50);
    for end in 1..value.len() {
        let shown = so_far(&[&value], &value[..end]);
        assert_eq!(shown, if end < 48 { "" } else { "***" }, "{end}");
    }
}

/// Values as they come: words, several lines, not only ASCII, long ones.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{4,8}",
        "[ -)+-~]{4,40}",
        "[a-z0-9é日]{4,12}(\r?\n[a-zü ]{0,12}){1,4}",
        "[A-Za-z0-9+/]{49,200}",
        "[ab]{49,120}",
    ]
    .prop_filter("long enough to hide", |text| can_hide(&SecretText::new(text.as_str())))
}

/// The ways in which the output below shows a value.
fn shapes(value: &str, before: &str) -> Vec<String> {
    let embedded = format!("{before}{value}tail");
    let mut shapes: Vec<_> =
        long_lines(value).map(|line| STANDARD.encode(format!("{before}{line}tail"))).collect();
    shapes.extend([
        value.to_owned(),
        value.replace('\n', "\r\n"),
        STANDARD.encode(&embedded),
        URL_SAFE_NO_PAD.encode(&embedded),
        STANDARD.encode(value),
        hex(value),
        serde_json::to_string(value).unwrap(),
        crate::percent::encode(value),
    ]);
    shapes
}

/// The lines that are hidden in base64 too.
fn long_lines(value: &str) -> impl Iterator<Item = &str> {
    lines(value).filter(|line| line.len() >= 8)
}

/// What must not be seen: the value, its lines, and its encodings without the
/// characters that it shares with its neighbours.
fn forbidden(value: &str, before: &str) -> Vec<String> {
    let core = |text: String, bytes: usize| text[core(before, bytes)].to_owned();
    let embedded = format!("{before}{value}tail");
    let mut all: Vec<String> =
        lines(value).filter(|line| line.chars().count() >= SHORTEST).map(str::to_owned).collect();
    all.push(value.to_owned());
    all.push(core(STANDARD.encode(&embedded), value.len()));
    all.push(core(URL_SAFE_NO_PAD.encode(&embedded), value.len()));
    for line in long_lines(value) {
        all.push(core(STANDARD.encode(format!("{before}{line}tail")), line.len()));
    }
    all.push(hex(value));
    all.push(crate::percent::encode(value));
    all
}

fn cut<'a>(output: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
    at.extend([0, output.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &output[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_form_of_a_value_gets_through_however_the_output_is_cut(
        values in prop::collection::vec(value(), 1..4),
        befores in prop::collection::vec("[ -)+-~]{0,3}", 4),
        noise in prop::collection::vec("[ -)+-~é\n]{0,12}", 40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mut output = String::new();
        let mut noise = noise.iter().cycle();
        for (value, before) in values.iter().zip(&befores) {
            for shape in shapes(value, before) {
                output.push_str(noise.next().unwrap());
                output.push_str(&shape);
            }
        }

        let texts: Vec<_> = values.iter().map(String::as_str).collect();
        let masker = masker(&texts);
        let shown = through(&masker, &cut(output.as_bytes(), &cuts));

        let text = String::from_utf8_lossy(&shown).into_owned();
        for (value, before) in values.iter().zip(&befores) {
            for secret in forbidden(value, before).iter().filter(|form| form.len() >= SHORTEST) {
                prop_assert!(!text.contains(secret.as_str()), "{secret:?} in {text:?}");
            }
        }
        prop_assert_eq!(shown, through(&masker, &[output.as_bytes()]), "cuts make no difference");
    }

    #[test]
    fn output_without_a_value_comes_through_unchanged_and_at_once(
        output in "[g-z \n]{0,200}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        // Forms of "ABCDEF" are upper case, digits or end in a letter from a to f.
        let mut stream = masker(&["ABCDEF"]).stream();
        let mut shown = Vec::new();
        for piece in cut(output.as_bytes(), &cuts) {
            stream.push(piece, &mut shown);
        }
        prop_assert_eq!(String::from_utf8(shown).unwrap(), output);
    }
}
