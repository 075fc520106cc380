//! Where the database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use segura_model::SecretText;

use crate::StoreError;

/// Where the database is: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, Debug)]
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

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(SecretText::new(text)));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err(StoreError::Url("it starts with neither `postgres://` nor `sqlite:`")),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// The address without user, password and parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => {
                // EXPOSE: only what follows user and password, and comes before parameters.
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                let address = rest.split('?').next().unwrap_or("");
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
    fn a_url_of_another_database_is_refused() {
        assert!("mysql://db".parse::<DatabaseUrl>().is_err());
        assert!("sqlite:".parse::<DatabaseUrl>().is_err());
    }
}
