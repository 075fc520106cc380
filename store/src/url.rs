//! Where the database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use segura_model::SecretText;

use crate::StoreError;

/// Where the database is: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A PostgreSQL connection URL; it may hold a password.
    ///
    /// Beside what PostgreSQL's own clients read, `sslmode` is `disable` or one of
    /// `require`, `verify-ca`, `verify-full`, which all check chain and name. Without it a
    /// connection is encrypted unless the host is this one. `sslrootcert` names a PEM
    /// file; without it the system's roots count.
    Postgres(SecretText),
    /// The SQLite file; the lock file lies beside it.
    Sqlite(PathBuf),
}

/// What is wrong with a URL that has an `@` where none belongs, and what to do. The value is
/// never told with it.
pub const STRAY_AT: &str = "an `@` comes after the first of `/ ? #`: percent-encode / ? # @ in \
     the password, and an `@` of the database's name or of a parameter as %40";

/// Whether there is an `@` behind the first of `/ ? #`.
///
/// Then either the password has one of these unencoded, and ends for some readers of a URL
/// later than for others; or the `@` is of a name. No one can tell which part is the address.
pub fn has_stray_at(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(AFTER_AUTHORITY).is_some_and(|end| rest[end..].contains('@'))
}

/// What ends the part of a URL that has user, password and host.
const AFTER_AUTHORITY: [char; 3] = ['/', '?', '#'];

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            if has_stray_at(text) {
                return Err(StoreError::Url(STRAY_AT));
            }
            return Ok(Self::Postgres(SecretText::new(text)));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err(StoreError::Url("it starts with neither `postgres://` nor `sqlite:`")),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// The address without user, password and parameters; of one in which they cannot be told
    /// from each other, nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // EXPOSE: only what follows user and password, and comes before parameters.
            Self::Postgres(url) if has_stray_at(url.expose()) => f.write_str("postgres://…"),
            Self::Postgres(url) => {
                // EXPOSE: as above.
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                let address = rest.split(['?', '#']).next().unwrap_or("");
                let address = address.rsplit_once('@').map_or(address, |(_, host)| host);
                write!(f, "postgres://{address}")
            }
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_does_not_print_its_password() {
        let url: DatabaseUrl =
            "postgres://segura:hunter2@db.example:5432/segura?password=x".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5432/segura");
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn a_password_that_looks_like_another_part_of_the_url_is_neither_taken_nor_printed() {
        for url in [
            "postgres://u:/s3cret?x@127.0.0.1:9/db",
            "postgres://u:12/s3cret?x@127.0.0.1:9/db",
            "postgres://u:12345?s3cret@127.0.0.1:9/db",
            "postgres://u:12345#s3cret@127.0.0.1:9/db",
        ] {
            let refused = url.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(refused.contains("percent-encode") && !refused.contains("s3cret"), "{refused}");
            let made = DatabaseUrl::Postgres(SecretText::new(url));
            assert_eq!(made.to_string(), "postgres://…");
        }
        let url: DatabaseUrl = "postgres://u:%2Fs3%3Fcret%40@db/name#s3cret".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db/name");
    }

    #[test]
    fn a_url_of_another_database_is_refused() {
        assert!("mysql://db".parse::<DatabaseUrl>().is_err());
        assert!("sqlite:".parse::<DatabaseUrl>().is_err());
    }
}
