//! What is wrong with the settings, all of it at once.

use std::fmt;

use segura_model::{Class, Classify};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, `server.listen`, or the file.
    pub place: String,
    /// Where its value comes from, unless it is the file: a variable, a flag.
    pub origin: Option<String>,
    /// What is wrong, what was expected, what to do.
    pub message: String,
}

impl Problem {
    /// A problem with a setting, wherever its value comes from.
    pub(super) fn of(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), origin: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} (from {origin}): {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

/// The settings cannot be used: everything that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Classify for ConfigErrors {
    fn class(&self) -> Class {
        Class::bad_request("config-invalid")
    }
}
