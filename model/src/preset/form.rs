//! How a platform writes every value of a claim: what a policy may sensibly expect of it.
//!
//! Nothing here decides. A policy whose value is written otherwise is taken, and its
//! author warned: the platform may have changed since this was written.

/// The form of a claim's values.
#[derive(Clone, Copy, Debug)]
pub struct ClaimForm {
    /// Globs, in the claim's separators, of which every value fits one. Empty: any value.
    pub globs: &'static [&'static str],
    /// Globs of what is written for a value by mistake, though one could look like it.
    pub never: &'static [&'static str],
    /// What may have been left out in front; placeholders in capitals.
    pub prefixes: &'static [&'static str],
    /// How it is written: what follows "tokens have".
    pub written: &'static str,
}

impl ClaimForm {
    /// Any value.
    pub const FREE: Self = Self { globs: &[], never: &[], prefixes: &[], written: "" };

    /// Values that fit one of these globs; a word without a `*` is one itself.
    pub const fn of(globs: &'static [&'static str], written: &'static str) -> Self {
        Self { globs, written, ..Self::FREE }
    }

    /// Any value but those that fit one of these globs.
    pub const fn never(never: &'static [&'static str], written: &'static str) -> Self {
        Self { never, written, ..Self::FREE }
    }

    /// The same form, of which one of these is easily left out in front.
    #[must_use]
    pub const fn after(self, prefixes: &'static [&'static str]) -> Self {
        Self { prefixes, ..self }
    }
}
