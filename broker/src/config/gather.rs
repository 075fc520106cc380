//! The raw settings: which value each key has and where it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use segura_plugins::Env;

use super::keys::{self, Form, KEYS, Key};
use super::problem::Problem;

/// The value of each key that has one.
pub(super) type Settings = BTreeMap<(&'static str, &'static str), Setting>;

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value that is not yet parsed. Its `Debug` is never printed: it may be a secret.
#[derive(Clone, Debug)]
pub(super) enum Value {
    List(Vec<String>),
    Text(String),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `keys`.
    Default,
    /// The environment.
    Environment(String),
    /// This file.
    File(PathBuf),
    /// The command line.
    Flag,
}

impl Origin {
    /// How high it stands: a value of a higher one is taken in place of one of a lower.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Environment(_) => 2,
            Self::Flag => 3,
        }
    }
}

/// Collect the file, the environment and the flags; `None` when the file cannot be read.
pub(super) fn gather(
    file: Option<&Path>,
    env: &dyn Env,
    flags: &[(String, String)],
    problems: &mut Vec<Problem>,
) -> Option<Settings> {
    let mut settings = defaults();
    if let Some(path) = file {
        match read_toml(path) {
            Ok(table) => from_file(table, path, &mut settings, problems),
            Err(error) => {
                problems.push(Problem::of(path.display().to_string(), error));
                return None;
            }
        }
    }
    for (name, value) in env.vars() {
        let Some(rest) = name.strip_prefix(keys::PREFIX) else { continue };
        // Variables of the client, `SEGURA_URL`, have no section.
        if !rest.contains("__") {
            let meant = KEYS.iter().map(Key::variable).find(|key| key.replace("__", "_") == name);
            problems.extend(meant.map(|meant| {
                Problem::of(&name, format!("a section ends with two underscores: {meant}"))
            }));
            continue;
        }
        match KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => {
                insert(&mut settings, key, from_text(key, &value), Origin::Environment(name));
            }
            None => problems.push(unknown(&name, KEYS.iter().map(Key::variable))),
        }
    }
    for (path, value) in flags {
        let key = path.split_once('.').and_then(|(section, name)| keys::find(section, name));
        match key {
            Some(key) => insert(&mut settings, key, from_text(key, value), Origin::Flag),
            None => problems.push(unknown(path, KEYS.iter().map(Key::path))),
        }
    }
    Some(settings)
}

fn defaults() -> Settings {
    let mut settings = Settings::new();
    for key in KEYS {
        if let Some(text) = key.default {
            insert(&mut settings, key, from_text(key, text), Origin::Default);
        }
    }
    settings
}

fn insert(settings: &mut Settings, key: &Key, value: Value, origin: Origin) {
    settings.insert((key.section, key.name), Setting { value, origin });
}

fn from_text(key: &Key, text: &str) -> Value {
    match key.form {
        Form::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::List(items.map(str::to_owned).collect())
        }
        Form::Count | Form::Number | Form::Secret { .. } | Form::Text => {
            Value::Text(text.to_owned())
        }
    }
}

fn read_toml(path: &Path) -> Result<toml::Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    text.parse().map_err(|error: toml::de::Error| {
        // Not the line itself, as the parser shows it: a secret may stand there.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: {}", error.message().replace('\n', ", "))
    })
}

fn from_file(
    table: toml::Table,
    path: &Path,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) {
    for (section, value) in table {
        match value {
            toml::Value::Table(values) if is_section(&section) => {
                for (name, value) in values {
                    from_toml(&section, &name, value, path, settings, problems);
                }
            }
            toml::Value::String(_) if section == "database" => {
                from_toml("database", "url", value, path, settings, problems);
            }
            _ if is_section(&section) => {
                problems.push(Problem::of(&section, format!("is a section: write `[{section}]`")));
            }
            _ => problems.push(unknown(&section, KEYS.iter().map(|key| key.section.to_owned()))),
        }
    }
}

fn from_toml(
    section: &str,
    name: &str,
    value: toml::Value,
    file: &Path,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) {
    let path = format!("{section}.{name}");
    let Some(key) = keys::find(section, name) else {
        return problems.push(unknown(&path, KEYS.iter().map(Key::path)));
    };
    match raw(key.form, value) {
        Ok(value) => insert(settings, key, value, Origin::File(file.to_owned())),
        Err(expected) => problems.push(Problem::of(path, format!("expected {expected}"))),
    }
}

fn raw(form: Form, value: toml::Value) -> Result<Value, &'static str> {
    match (form, value) {
        (Form::Count, toml::Value::Integer(count)) => Ok(Value::Text(count.to_string())),
        (Form::Count, _) => Err("a whole number"),
        (Form::Number, toml::Value::Integer(number)) => Ok(Value::Text(number.to_string())),
        (Form::Number, toml::Value::Float(number)) => Ok(Value::Text(number.to_string())),
        (Form::Number, _) => Err("a number"),
        (Form::List, toml::Value::String(only)) => Ok(Value::List(vec![only])),
        (Form::List, toml::Value::Array(items)) => items
            .into_iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Value::List)
            .ok_or("a list of texts"),
        (Form::List, _) => Err("a list of texts"),
        (Form::Secret { .. } | Form::Text, toml::Value::String(text)) => Ok(Value::Text(text)),
        (Form::Secret { .. } | Form::Text, _) => Err("a text in quotes"),
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section == name)
}

fn unknown(presented: &str, known: impl Iterator<Item = String>) -> Problem {
    let nearest = known.min_by_key(|name| strsim::damerau_levenshtein(name, presented));
    let message = match nearest {
        Some(name) => format!("there is no such setting; the nearest is `{name}`"),
        None => "there is no such setting".to_owned(),
    };
    let shown: String = presented.chars().take(80).collect();
    Problem::of(shown, message)
}
