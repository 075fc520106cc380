//! Policy files: one YAML document or many, or JSON.
//!
//! The trap is the parser, not the policy: aliases multiply, so replay, depth, nodes and
//! documents are bounded, and merge keys are refused (a policy is read where it stands).
//! An error names the line; an unknown key names the nearest known one.

use serde_saphyr::{Error as YamlError, Options};

use super::draft::PolicyDraft;
use super::nearest::{did_you_mean, nearest};
use crate::error::{Class, Classify};

/// Most bytes of a file.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Most policies in a file.
const MAX_DOCUMENTS: usize = 10_000;

/// Why a policy file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFileError {
    /// There is no document in it.
    #[error("the file holds no policy: write at least `policy`, `issuer` and `read`")]
    Empty,
    /// The text is not a policy.
    #[error("{}{message}", at(*.line, *.column))]
    Malformed {
        /// From 1; 0 if unknown.
        line: u64,
        /// From 1; 0 if unknown.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// The file is over the bound.
    #[error("a policy file has at most 8 MiB, this one has {0} bytes: split it")]
    TooLarge(usize),
    /// A key that no policy has.
    #[error(
        "{}unknown key `{key}`{}; known here: {}",
        at(*.line, *.column),
        did_you_mean(*.nearest),
        .known.join(", ")
    )]
    UnknownKey {
        /// From 1; 0 if unknown.
        line: u64,
        /// From 1; 0 if unknown.
        column: u64,
        /// As written.
        key: String,
        /// The nearest known key.
        nearest: Option<&'static str>,
        /// All keys known there.
        known: Vec<&'static str>,
    },
}

impl Classify for PolicyFileError {
    fn class(&self) -> Class {
        match self {
            Self::TooLarge(_) => Class::too_large("policy-file-too-large"),
            Self::Empty | Self::Malformed { .. } | Self::UnknownKey { .. } => {
                Class::bad_request("policy-file-malformed")
            }
        }
    }
}

impl PolicyDraft {
    /// Read every policy of a file, in its order. Documents are parted by `---`.
    pub fn parse_documents(text: &str) -> Result<Vec<Self>, PolicyFileError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyFileError::TooLarge(text.len()));
        }
        let drafts: Vec<Self> = serde_saphyr::from_multiple_with_options(text, options())
            .map_err(|error| explained(error.without_snippet()))?;
        if drafts.is_empty() { Err(PolicyFileError::Empty) } else { Ok(drafts) }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 1_000,
            max_anchors: 100,
            max_depth: 16,
            max_documents: MAX_DOCUMENTS,
            max_events: 2_500_000,
            max_nodes: 1_000_000,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 1024 * 1024,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 4,
        },
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        with_snippet: false,
    }
}

fn explained(error: &YamlError) -> PolicyFileError {
    if let YamlError::AliasError { error, .. } = error {
        return explained(error);
    }
    let (line, column) =
        error.location().map_or((0, 0), |location| (location.line(), location.column()));
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => PolicyFileError::UnknownKey {
            line,
            column,
            key: crate::name::shown(field),
            nearest: nearest(field, expected.iter().copied()),
            known: expected.clone(),
        },
        other => PolicyFileError::Malformed { line, column, message: crate::yaml::words(other) },
    }
}

fn at(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}
