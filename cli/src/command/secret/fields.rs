//! Where the fields of a new version come from.
//!
//! The trap is the line break that `echo` and editors add to a password: a value of
//! one line loses it. Text of several lines keeps every byte, because a private key
//! without its last line break does not load. `--exact` keeps everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use segura_model::{FieldName, SecretText};
use serde::Deserialize;

use crate::error::CliError;
use crate::{files, terminal};

/// One `FIELD=…` of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    field: FieldName,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// `field=@path`
    File(PathBuf),
    /// `field=text`: seen by every process of the machine, and by the shell's history.
    Inline(SecretText),
    /// `field=-`
    Stdin,
}

/// Whether a final line break is part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineBreak {
    /// A single line loses it.
    Cut,
    /// Every byte is kept.
    Keep,
}

impl FromStr for Assignment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (field, source) = text.split_once('=').ok_or(())?;
        let field = field.parse().map_err(drop)?;
        let source = match source.strip_prefix('@') {
            Some("") => return Err(()),
            Some("-") => Source::Stdin,
            Some(path) => Source::File(path.into()),
            None if source == "-" => Source::Stdin,
            // Base64 with its padding, where `FIELD=` was forgotten: no name to be printed.
            None if source.bytes().all(|byte| byte == b'=') => return Err(()),
            None => Source::Inline(SecretText::new(source)),
        };
        Ok(Self { field, source })
    }
}

/// An argument as it was typed. The parser of the command line would repeat what it does
/// not understand, and that may be a value where `FIELD=` was forgotten.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a parser of arguments")]
pub(crate) fn unparsed(text: &str) -> Result<SecretText, Infallible> {
    Ok(SecretText::new(text))
}

/// The assignments among the arguments; no message repeats any of them.
pub(crate) fn parse(arguments: &[SecretText]) -> Result<Vec<Assignment>, CliError> {
    let parse = |(at, text): (usize, &SecretText)| {
        // EXPOSE: a value in it goes into a box again.
        text.expose().parse().map_err(|()| {
            CliError::Usage(format!(
                "argument {} after the path is no FIELD=@FILE and no FIELD=- (standard input), \
                 where FIELD is 1–64 of A–Z, a–z, 0–9, `.`, `_`, `-`; a value alone comes from \
                 standard input: printf %s \"$NEW\" | segura secret put PATH",
                at + 1
            ))
        })
    };
    arguments.iter().enumerate().map(parse).collect()
}

/// All fields, from the assignments, a JSON file, or standard input alone.
pub(crate) fn read(
    assignments: &[Assignment],
    from_file: Option<&Path>,
    line_break: LineBreak,
) -> Result<BTreeMap<FieldName, SecretText>, CliError> {
    check_one_reader(assignments, from_file)?;
    if let Some(path) = from_file {
        return read_object(path);
    }
    if assignments.is_empty() {
        let field = only_field();
        let value = cut(typed("Value: ")?, line_break);
        return Ok(BTreeMap::from([(field.clone(), not_empty("the value", value)?)]));
    }
    let mut fields = BTreeMap::new();
    for Assignment { field, source } in assignments {
        let value = match source {
            Source::File(path) => cut(files::read_secret(path, LIMIT).map_err(encode)?, line_break),
            Source::Inline(value) => value.clone(),
            Source::Stdin => cut(typed(&format!("{field}: "))?, line_break),
        };
        if fields.insert(field.clone(), not_empty(&format!("`{field}`"), value)?).is_some() {
            return Err(CliError::Usage(format!("field `{field}` is given twice")));
        }
    }
    Ok(fields)
}

fn typed(prompt: &str) -> Result<SecretText, CliError> {
    terminal::read_secret_input(prompt).map_err(encode)
}

/// An empty value is nearly always a variable that was not set or a command that failed,
/// and would be in force at once. In a JSON file it stands there on purpose.
fn not_empty(what: &str, value: SecretText) -> Result<SecretText, CliError> {
    if value.is_empty() {
        return Err(CliError::Usage(format!(
            "{what} is empty, and nothing was written: did the command before \
             the `|` fail, or is a variable not set? An empty value that is meant comes from \
             --from-file"
        )));
    }
    Ok(value)
}

/// What to do with bytes that are no text.
fn encode(error: CliError) -> CliError {
    match error {
        CliError::NotText { path } => CliError::Usage(format!(
            "{} is not UTF-8 text, and a value is text: encode it first, as in `base64 -w0 FILE \
             | segura secret put PATH`",
            files::shown(&path)
        )),
        other => other,
    }
}

/// The fields whose values stand on the command line.
pub(crate) fn inline(assignments: &[Assignment]) -> Vec<&FieldName> {
    let inline = assignments.iter().filter(|one| matches!(one.source, Source::Inline(_)));
    inline.map(|one| &one.field).collect()
}

/// The field of a secret that has only one value.
fn only_field() -> FieldName {
    "value".parse().expect("a field name")
}

fn check_one_reader(assignments: &[Assignment], from_file: Option<&Path>) -> Result<(), CliError> {
    let stdin = assignments.iter().filter(|one| matches!(one.source, Source::Stdin)).count();
    if stdin > 1 {
        let rule = "standard input holds one value: use `-` for one field, `@FILE` for the others";
        return Err(CliError::Usage(rule.to_owned()));
    }
    if from_file.is_some() && !assignments.is_empty() {
        let rule = "use either --from-file, which holds all fields, or FIELD=…, not both";
        return Err(CliError::Usage(rule.to_owned()));
    }
    Ok(())
}

/// A JSON object whose members are text.
fn read_object(path: &Path) -> Result<BTreeMap<FieldName, SecretText>, CliError> {
    let text = files::read_secret(path, LIMIT)?;
    // EXPOSE: parsed into boxes. The parser's message would quote a value: left out.
    serde_json::from_str::<Object>(text.expose()).map(|object| object.0).map_err(|error| {
        CliError::Usage(format!(
            "{} is not a JSON object of text fields (line {}, column {}): expected \
             {{\"user\": \"…\", \"password\": \"…\"}}",
            files::shown(path),
            error.line(),
            error.column()
        ))
    })
}

#[derive(Deserialize)]
struct Object(BTreeMap<FieldName, SecretText>);

fn cut(value: SecretText, line_break: LineBreak) -> SecretText {
    if line_break == LineBreak::Keep {
        return value;
    }
    // EXPOSE: only to look for line breaks.
    let text = value.expose();
    let Some(line) = text.strip_suffix('\n') else { return value };
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') { value } else { SecretText::new(line) }
}

const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<Assignment> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_single_line_loses_its_line_break_and_a_key_does_not() {
        for (given, kept) in [
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            ("hunter2", "hunter2"),
            ("hunter2\n\n", "hunter2\n\n"),
            ("-----BEGIN\nabc\n-----END\n", "-----BEGIN\nabc\n-----END\n"),
            ("", ""),
        ] {
            assert_eq!(cut(SecretText::new(given), LineBreak::Cut).expose(), kept);
            assert_eq!(cut(SecretText::new(given), LineBreak::Keep).expose(), given);
        }
    }

    #[test]
    fn fields_come_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let given = parse(&[&format!("password=@{}", path.display()), "user=app"]);
        let fields = read(&given, None, LineBreak::Cut).unwrap();
        assert_eq!(fields[&"password".parse().unwrap()].expose(), "hunter2");
        assert_eq!(fields[&"user".parse().unwrap()].expose(), "app");
        assert_eq!(inline(&given).len(), 1);
    }

    #[test]
    fn a_json_file_gives_all_fields() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.json");
        std::fs::write(&path, r#"{"user":"app","password":"hunter2"}"#).unwrap();
        assert_eq!(read(&[], Some(&path), LineBreak::Cut).unwrap().len(), 2);

        std::fs::write(&path, r#"{"password":{"nested":"hunter2"}}"#).unwrap();
        let error = read(&[], Some(&path), LineBreak::Cut).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in ["hunter2", "hunter2+/==", "password=@"] {
            let told = super::parse(&[SecretText::new(wrong)]).unwrap_err().to_string();
            assert!(told.contains("FIELD=@FILE") && !told.contains("hunter2"), "{told}");
        }
        for twice in [&["a=-", "b=-"][..], &["a=x", "a=y"]] {
            assert!(read(&parse(twice), None, LineBreak::Cut).is_err());
        }
        assert!(read(&parse(&["a=x"]), Some(Path::new("f")), LineBreak::Cut).is_err());
    }

    #[test]
    fn an_empty_value_is_refused_unless_a_json_file_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("empty");
        for content in ["", "\n"] {
            std::fs::write(&path, content).unwrap();
            let given = parse(&[&format!("password=@{}", path.display())]);
            let error = read(&given, None, LineBreak::Cut).unwrap_err().to_string();
            assert!(error.contains("`password` is empty"), "{error}");
        }
        for bare in ["password=", "c2VjcmV0cw==", "c2VjcmV0LQ="] {
            let error = super::parse(&[SecretText::new(bare)]).unwrap_err().to_string();
            assert!(!error.contains(bare.trim_end_matches('=')), "{error}");
        }
        std::fs::write(&path, r#"{"password":""}"#).unwrap();
        assert_eq!(read(&[], Some(&path), LineBreak::Cut).unwrap().len(), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_to_be_encoded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, b"\xff\xfe").unwrap();
        let given = parse(&[&format!("key=@{}", path.display())]);
        let error = read(&given, None, LineBreak::Cut).unwrap_err().to_string();
        assert!(error.contains("base64"), "{error}");
    }

    #[test]
    fn an_inline_value_does_not_print() {
        assert!(!format!("{:?}", parse(&["password=hunter2"])).contains("hunter2"));
    }
}
