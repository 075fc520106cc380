//! Typed ids: ULIDs that cannot be taken for one another.
//!
//! A ULID sorts by the time it was made, which keeps both databases' indexes
//! dense. Text form: 26 characters of Crockford's base 32.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::clock::Timestamp;
use crate::random::{Random, make_bytes};

/// The text is not a ULID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{presented}` is not {what}: expected 26 characters like 01JDGW5E6Y3X9T2K8M4Q7R0BVC")]
pub struct IdError {
    what: &'static str,
    presented: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Ulid);

        impl $name {
            /// A new id, made at `now`.
            pub fn make(now: Timestamp, random: &dyn Random) -> Self {
                Self::make_at(now.0.saturating_mul(1000), random)
            }

            /// A new id, made at this many milliseconds since 1970: many of one second sort
            /// by when they were made.
            pub fn make_at(millis: i64, random: &dyn Random) -> Self {
                let millis = u64::try_from(millis).unwrap_or(0);
                Self(Ulid::from_parts(millis, u128::from_be_bytes(make_bytes(random))))
            }

            /// The sixteen bytes of the id.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// The id with these sixteen bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let presented = || crate::name::shown(text);
                // The alphabet is lenient (small letters, `O` for `0`); an id has one spelling.
                Ulid::from_string(text)
                    .ok()
                    .filter(|id| id.to_string() == text)
                    .map(Self)
                    .ok_or_else(|| IdError { what: $what, presented: presented() })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$",
                })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id!(
    /// One broker: all nodes that share a database.
    BrokerId, "a broker id"
);
id!(
    /// One server start's part of the ledger.
    ChainId, "a chain id"
);
id!(
    /// A refusal that an operator can open.
    DenialId, "a denial id"
);
id!(
    /// A person or script that administers.
    OperatorId, "an operator id"
);
id!(
    /// One HTTP request, in the log and in answers.
    RequestId, "a request id"
);
id!(
    /// One workload's stay, from exchange to end.
    SessionId, "a session id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = SessionId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        for bad in ["", "01JDGW5E6Y3X9T2K8M4Q7R0BV", "01JDGW5E6Y3X9T2K8M4Q7R0BVCU", "💥"] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let lower = SessionId::from_bytes([7; 16]).to_string().to_lowercase();
        assert!(lower.parse::<SessionId>().is_err(), "{lower}");
        assert!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<SessionId>().is_err(), "more than 128 bits");
    }
}
