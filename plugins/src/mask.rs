//! Hide values in a stream of output, as it flows.
//!
//! A value is looked for in every form that tools print it in (`mask/forms.rs`). A byte is
//! held back only while it may still be the beginning of such a form, so a prompt
//! without a line break appears at once, and at most 47 bytes and the line breaks among
//! them ever wait.
//!
//! Base64 and hex are looked for in the output without its line breaks, because tools put
//! them anywhere in such a form; the breaks themselves stay visible. At the end of a line
//! fewer than four characters are no reason to wait for the next one.
//!
//! Everything that any form covers becomes `***`, overlaps included: replacing only
//! the leftmost of two overlapping secrets would show the rest of the other. Of a long
//! form the first 48 bytes are looked for; from there on the output is compared with
//! the form itself, so that the index stays small and half a key is hidden too.

mod forms;
mod index;
pub(crate) mod json;
mod search;
mod stream;
mod tail;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use segura_model::SecretText;

pub(crate) use forms::{json_escaped, lines};
use index::Known;
pub use stream::Stream;

/// What to do with a value that is too short to be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortValues {
    /// Leave it visible: the user asked for that.
    LeaveVisible,
    /// Refuse to go on.
    Refuse,
}

/// Knows the values and all their forms; each stream of output has a state of its own.
#[derive(Clone)]
pub struct Masker(Arc<Known>);

impl Masker {
    /// Prepare to hide `values`.
    pub fn new<'a>(
        values: impl IntoIterator<Item = &'a SecretText>,
        short: ShortValues,
    ) -> Result<Self, MaskError> {
        let mut hidden = Vec::new();
        let mut size = 0;
        for (position, value) in values.into_iter().enumerate() {
            if can_hide(value) {
                size += value.len();
                hidden.push(value);
            } else if short == ShortValues::Refuse {
                return Err(MaskError::TooShort { position });
            }
        }
        if size > LARGEST {
            return Err(MaskError::TooLarge { limit: LARGEST });
        }
        Ok(Self(Arc::new(Known::new(forms::of(hidden)))))
    }

    /// A stream of output in which to hide them.
    pub fn stream(&self) -> Stream {
        Stream::new(Arc::clone(&self.0))
    }
}

/// Whether a value is long enough to be told from ordinary output.
pub fn can_hide(value: &SecretText) -> bool {
    // EXPOSE: only to count.
    value.expose().trim().chars().count() >= SHORTEST
}

/// Why values cannot be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// More text than the bound on memory allows.
    #[error("the values have more than {limit} bytes together, too much to hide in output")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// `***` in place of every "us" would make output unreadable and give the value away.
    #[error("value number {} has fewer than {SHORTEST} characters and cannot be hidden", .position + 1)]
    TooShort {
        /// Which of the values, from 0.
        position: usize,
    },
}

/// Characters that a value, or a line of it, must have to be hidden.
pub const SHORTEST: usize = 4;

/// What stands in the output instead.
const MASK: &[u8] = b"***";
/// Bytes of all values together.
const LARGEST: usize = 2 << 20;
