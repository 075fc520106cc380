//! Encodings that tools break into lines, at places that have nothing to do with the value.

use super::*;

#[test]
fn a_value_inside_wrapped_output_is_hidden_wherever_its_lines_break() {
    let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let masker = masker(&[key]);
    for before in (0..80).map(|len| "#".repeat(len)) {
        let embedded = format!("{before}{key}~~~");
        let core = core(&before, key.len());
        let digits = 2 * before.len()..2 * (before.len() + key.len());
        for (whole, core) in [(STANDARD.encode(&embedded), core), (hex(&embedded), digits)] {
            for width in 57..81 {
                for end in ["\n", "\r\n"] {
                    let output = wrapped(&whole, width, end);
                    let shown = through(&masker, &[output.as_bytes()]);
                    let expected = starred(&whole, &core, width, end);
                    assert_eq!(String::from_utf8(shown).unwrap(), expected, "{output}");
                }
            }
        }
    }
}

/// What is expected of a masker that sees `whole` wrapped.
fn starred(whole: &str, core: &Range<usize>, width: usize, end: &str) -> String {
    let mut shown = String::new();
    for (line, from) in whole.as_bytes().chunks(width).zip((0..).step_by(width)) {
        let hidden = core.start.max(from)..core.end.min(from + line.len());
        // Fewer than four characters at the end of a line do not wait for the next.
        let few = hidden.start == core.start && core.end > from + width && hidden.len() < SHORTEST;
        for (byte, at) in line.iter().zip(from..) {
            if few || !hidden.contains(&at) {
                shown.push(char::from(*byte));
            } else if at == hidden.start {
                shown.push_str("***");
            }
        }
        shown.push_str(end);
    }
    shown
}

#[test]
fn no_line_waits_for_the_next_because_of_its_last_characters() {
    // In base64 the value begins with "aHVu", in hex with "68756e".
    for line in ["a", "aH", "aHV", "687"] {
        let output = format!("at {line}\n");
        assert_eq!(so_far(&["hunter2"], &output), output);
        assert_eq!(so_far(&["hunter2"], &format!("{output}\r\n")), format!("{output}\r\n"));
    }
    assert_eq!(so_far(&["hunter2"], "at aHVu\n"), "at ");
    assert_eq!(so_far(&["hunter2"], "at aHVu\nx"), "at aHVu\nx");
    assert_eq!(masked(&["hunter2"], "at aHV\nudGVyMg==\n"), "at aHV\n***\n");
}

#[test]
fn a_beginning_is_not_held_over_line_breaks_without_end() {
    for breaks in ["\n".repeat(5), "\r\n".repeat(3), "\n".repeat(100_000)] {
        let output = format!("at aHVudG{breaks}");
        assert_eq!(so_far(&["hunter2"], &output), output);
        // It is late for the beginning, but not for the rest.
        assert_eq!(so_far(&["hunter2"], &format!("{output}VyMg==\n")), format!("{output}***\n"));
    }
    let letters: Vec<_> = numbers(50).chars().map(|letter| format!("{letter}")).collect();
    let output = letters.join("\r\n\r\n");
    assert_eq!(so_far(&[&numbers(50)], &output), output, "a form that is not broken");
}

#[test]
fn what_a_killed_program_left_of_a_wrapped_value_is_hidden() {
    assert_eq!(masked(&["hunter2"], "at aHVudG\n"), "at ***\n");
    assert_eq!(masked(&["hunter2"], "at aHVudG\r\nVy"), "at ***\r\n***");
}

/// As `base64` and `xxd -p` write a long text.
fn wrapped(text: &str, width: usize, end: &str) -> String {
    let mut lines = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % width == 0 {
            lines.push_str(end);
        }
        lines.push(letter);
    }
    lines + end
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_encoding_of_a_value_gets_through_however_its_lines_break(
        values in prop::collection::vec(value(), 1..3),
        before in "[ -)+-~]{0,80}",
        width in 57_usize..81,
        end in prop_oneof![Just("\n"), Just("\r\n")],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let (mut output, mut pieces) = (String::new(), Vec::new());
        for value in &values {
            let embedded = format!("{before}{value}tail");
            let digits = 2 * before.len()..2 * (before.len() + value.len());
            for (whole, core) in [
                (STANDARD.encode(&embedded), core(&before, value.len())),
                (URL_SAFE_NO_PAD.encode(&embedded), core(&before, value.len())),
                (hex(&embedded), digits.clone()),
                (hex(&embedded).to_uppercase(), digits),
            ] {
                pieces.push(whole[core.clone()].to_owned());
                pieces.extend(wrapped(&whole, width, end).split(end).zip((0..).step_by(width)).map(
                    |(line, from)| {
                        let until = core.end.saturating_sub(from).min(line.len());
                        line[core.start.saturating_sub(from).min(until)..until].to_owned()
                    },
                ));
                output.push_str(&wrapped(&whole, width, end));
                output.push('.');
            }
        }

        let texts: Vec<_> = values.iter().map(String::as_str).collect();
        let masker = masker(&texts);
        let shown = through(&masker, &cut(output.as_bytes(), &cuts));

        let text = String::from_utf8_lossy(&shown).into_owned();
        let joined = text.replace(['\r', '\n'], "");
        for piece in pieces.iter().filter(|piece| piece.len() >= 2 * SHORTEST) {
            prop_assert!(!joined.contains(piece.as_str()), "{piece:?} in {text:?}");
        }
        prop_assert_eq!(text.matches('\n').count(), output.matches('\n').count());
        prop_assert_eq!(shown, through(&masker, &[output.as_bytes()]), "cuts make no difference");
    }
}
