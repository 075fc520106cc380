//! Errors are classified once.
//!
//! Every service has one error enum and maps it here, in one `match`, to a
//! [`Class`]. HTTP status, exit code, log level, metric label and audit reason all
//! derive from that, so that no edge can disagree with another about what an error
//! means (design, decision 12).

use std::fmt;

/// What sort of failure this is, for every edge at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be understood: 400.
    BadRequest,
    /// The request is understood, and at odds with what is stored: 409.
    Conflict,
    /// The caller is known and may not do this: 403.
    Forbidden,
    /// A fault of ours: 500. Its text stays in the log.
    Internal,
    /// Something named in the request does not exist: 404.
    NotFound,
    /// More than the bounds allow: 413.
    TooLarge,
    /// The caller did not prove who it is: 401.
    Unauthenticated,
    /// Not now; try again: 503.
    Unavailable,
}

impl Kind {
    /// The HTTP status code.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Conflict => 409,
            Self::Forbidden => 403,
            Self::Internal => 500,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::Unauthenticated => 401,
            Self::Unavailable => 503,
        }
    }

    /// The exit code of the command line, listed in `docs/reference/exit-codes.md`.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::BadRequest | Self::TooLarge => 2,
            Self::Conflict => 5,
            Self::Forbidden => 4,
            Self::Internal => 1,
            Self::NotFound => 6,
            Self::Unauthenticated => 3,
            Self::Unavailable => 7,
        }
    }

    /// Whether the fault is the server's: its text is logged, never answered.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Internal | Self::Unavailable)
    }
}

/// A classified error: its kind, and a stable code for machines (`token-replayed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// What sort of failure.
    pub kind: Kind,
    /// Which failure, in kebab-case; part of the interface, never reworded.
    pub code: &'static str,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => {
        impl Class {$(
            #[doc = concat!("A class of kind [`Kind::", stringify!($kind), "`].")]
            pub const fn $name(code: &'static str) -> Self {
                Self { kind: Kind::$kind, code }
            }
        )*}
    };
}

constructors! {
    bad_request => BadRequest,
    conflict => Conflict,
    forbidden => Forbidden,
    internal => Internal,
    not_found => NotFound,
    too_large => TooLarge,
    unauthenticated => Unauthenticated,
    unavailable => Unavailable,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// An error that knows its class.
pub trait Classify: std::error::Error {
    /// The one classification of this error.
    fn class(&self) -> Class;
}
