//! Which secrets a job wants, and under which names.
//!
//! One grammar for the command line, the action's input and the wire:
//! `path[#field][@version]`, and for a job `… > NAME` or `… > NAME:file`. None of its
//! signs may occur in a path, a field or a name, so nothing needs quoting.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Class, Classify};
use crate::name::{EnvName, FieldName, NameError, SecretPath, Shown};

/// The most bindings of a job and secrets of a delivery.
pub const MOST_WANTED: usize = 100;
/// The most bytes of one binding's line, comments included.
const LONGEST_LINE: usize = 1024;

/// A secret that is wanted: `db/prod/password#field@3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WantedSecret {
    /// Where it is.
    pub path: SecretPath,
    /// Which field; `None` is all of them, or the only one where one is needed.
    pub field: Option<FieldName>,
    /// Which version, from 1; `None` is the current one.
    pub version: Option<u32>,
}

impl FromStr for WantedSecret {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        let (rest, version) = match text.split_once('@') {
            Some((rest, version)) => (rest, Some(parse_version(version)?)),
            None => (text, None),
        };
        let (path, field) = match rest.split_once('#') {
            Some((path, field)) => (path, Some(field.parse()?)),
            None => (rest, None),
        };
        Ok(Self { path: path.parse()?, field, version })
    }
}

impl fmt::Display for WantedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.path, f)?;
        self.field.iter().try_for_each(|field| write!(f, "#{field}"))?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

impl TryFrom<String> for WantedSecret {
    type Error = WantedError;

    fn try_from(text: String) -> Result<Self, WantedError> {
        text.parse()
    }
}

impl From<WantedSecret> for String {
    fn from(wanted: WantedSecret) -> Self {
        wanted.to_string()
    }
}

impl schemars::JsonSchema for WantedSecret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WantedSecret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "path[#field][@version]",
            "pattern": "^[A-Za-z0-9._/-]+(#[A-Za-z0-9._-]+)?(@[1-9][0-9]*)?$",
            "examples": ["db/prod/password", "db/prod/login#user@3"],
        })
    }
}

/// A wanted secret and where the job gets it: `db/prod/password > DB_PASSWORD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Which secret.
    pub wanted: WantedSecret,
    /// The environment variable.
    pub name: EnvName,
    /// What is put into the variable.
    pub form: BindingForm,
}

/// What a binding puts into its variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingForm {
    /// The value.
    Env,
    /// The path of a file that holds the value.
    File,
}

impl FromStr for Binding {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        if text.len() > LONGEST_LINE {
            return Err(WantedError::TooLong(text.len()));
        }
        let mut parts = text.split('>').map(str::trim);
        let (Some(wanted), Some(target), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(WantedError::Arrow(Shown(text).to_string()));
        };
        let (name, form) = match target.split_once(':').map(|(name, form)| (name.trim_end(), form))
        {
            None => (target, BindingForm::Env),
            Some((name, "file")) => (name, BindingForm::File),
            Some((_, form)) => return Err(WantedError::Form(Shown(form).to_string())),
        };
        Ok(Self { wanted: wanted.parse()?, name: name.parse()?, form })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            BindingForm::Env => "",
            BindingForm::File => ":file",
        };
        write!(f, "{} > {}{form}", self.wanted, self.name)
    }
}

/// Read bindings, one a line. Blank lines and those that begin with `#` say nothing.
pub fn parse_bindings(lines: &str) -> Result<Vec<Binding>, BindingsError> {
    let mut bindings: Vec<Binding> = Vec::new();
    let mut names = BTreeSet::new();
    for (at, line) in lines.lines().enumerate() {
        let refuse = |fault| BindingsError { line: at + 1, fault };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let binding: Binding = line.parse().map_err(refuse)?;
        if !names.insert(binding.name.clone()) {
            return Err(refuse(WantedError::Repeated(binding.name)));
        }
        if bindings.len() == MOST_WANTED {
            return Err(refuse(WantedError::TooMany));
        }
        bindings.push(binding);
    }
    Ok(bindings)
}

fn parse_version(text: &str) -> Result<u32, WantedError> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = text.parse().ok().filter(|_| plain);
    version.ok_or_else(|| WantedError::Version(Shown(text).to_string()))
}

/// Why a text is no wanted secret or no binding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// Not exactly one `>`.
    #[error(
        "`{0}` is not `path[#field][@version] > NAME`, such as `db/prod/password > DB_PASSWORD`"
    )]
    Arrow(String),
    /// Something else than `:file` behind the name.
    #[error(
        "`:{0}` is unknown behind a name: write `NAME`, or `NAME:file` for a file with the value"
    )]
    Form(String),
    /// A path, field or variable name breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Two bindings with one name.
    #[error("`{0}` is bound twice: each variable can hold one secret")]
    Repeated(EnvName),
    /// Longer than any binding can be.
    #[error("a binding has at most {LONGEST_LINE} bytes, this one has {0}")]
    TooLong(usize),
    /// More than [`MOST_WANTED`].
    #[error("a job binds at most {MOST_WANTED} secrets: put related values into one, as fields")]
    TooMany,
    /// Not a version.
    #[error("`@{0}` is not a version: use a number from 1 on, or leave it out for the current one")]
    Version(String),
}

impl Classify for WantedError {
    fn class(&self) -> Class {
        Class::bad_request("wanted-invalid")
    }
}

/// A line of bindings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct BindingsError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: WantedError,
}

impl Classify for BindingsError {
    fn class(&self) -> Class {
        self.fault.class()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wanted_secret_reads_back_as_written() {
        for text in ["db/prod/password", "db/login#user", "db/login@3", "db/login#user@4294967295"]
        {
            assert_eq!(text.parse::<WantedSecret>().unwrap().to_string(), text);
        }
        let wanted: WantedSecret = "db/login#user@3".parse().unwrap();
        assert_eq!(wanted.field.unwrap().as_str(), "user");
        assert_eq!(wanted.version, Some(3));
    }

    #[test]
    fn what_is_no_wanted_secret_is_refused() {
        for bad in [
            "",
            "#user",
            "@3",
            "db#",
            "db@",
            "db@0",
            "db@-1",
            "db@+1",
            "db@01",
            "db@4294967296",
            "db@1@2",
            "db#a#b",
            "db@1#a",
            "db #a",
            "db/../x",
            "db@١",
        ] {
            assert!(bad.parse::<WantedSecret>().is_err(), "{bad}");
        }
    }

    #[test]
    fn bindings_are_lines() {
        let text = "\n# comment > X\n  db/prod/password>DB_PASSWORD\r\n\tdb/key@2 > KEY:file\n\n";
        let bindings = parse_bindings(text).unwrap();
        let shown: Vec<String> = bindings.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["db/prod/password > DB_PASSWORD", "db/key@2 > KEY:file"]);
        assert_eq!(bindings[1].form, BindingForm::File);
    }

    #[test]
    fn one_secret_may_go_to_two_names_but_not_two_to_one() {
        assert_eq!(parse_bindings("a > X\na > Y:file").unwrap().len(), 2);
        let refused = parse_bindings("a > X\n\nb > X").unwrap_err();
        assert_eq!(refused.line, 3);
        assert!(matches!(refused.fault, WantedError::Repeated(_)), "{refused}");
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in [
            ("a > X\nb", 2),
            ("a > X > Y", 1),
            ("> X", 1),
            ("a >", 1),
            ("a > PATH", 1),
            ("a > X:FILE", 1),
            ("a > X:env", 1),
            ("a > X:", 1),
            ("a > X Y", 1),
            ("a > X # comment", 1),
        ] {
            assert_eq!(parse_bindings(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn bindings_are_bounded() {
        let lines = |count: usize| {
            let lines: Vec<String> = (0..count).map(|at| format!("a > X{at}")).collect();
            lines.join(
                "
",
            )
        };
        assert_eq!(parse_bindings(&lines(MOST_WANTED)).unwrap().len(), MOST_WANTED);
        let refused = parse_bindings(&lines(MOST_WANTED + 1)).unwrap_err();
        assert_eq!((refused.line, refused.fault), (101, WantedError::TooMany));
        let long = format!("{} > X", "a".repeat(2000));
        assert!(matches!(parse_bindings(&long).unwrap_err().fault, WantedError::TooLong(_)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"[ab/#@>:\nX1 é]{0,80}") {
            let _ = parse_bindings(&text);
            let _ = text.parse::<WantedSecret>();
        }

        #[test]
        fn what_parses_reads_back(text in r"[ab/]{1,6}(#[ab]{1,3})?(@[0-9]{1,3})?") {
            if let Ok(wanted) = text.parse::<WantedSecret>() {
                prop_assert_eq!(wanted.to_string(), text);
            }
        }
    }
}
