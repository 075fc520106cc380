//! Why a database does not let a server in, as far as whoever starts it can mend it.
//!
//! To a server that runs all of these are a database that is away: its callers are told no
//! more. Only a start looks here, and nothing of a password is in what it finds.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Why a database does not let a server in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFault {
    /// A file or folder is another user's, or may not be written to.
    Files,
    /// PostgreSQL has no database of the name.
    NoDatabase,
    /// The file is something else, or damaged.
    NotADatabase,
    /// The user may not make tables.
    Privilege,
    /// PostgreSQL does not take the user, or not with this password.
    Refused,
    /// Nothing answers.
    Silent,
    /// The connection cannot be encrypted as is demanded.
    Tls,
}

impl fmt::Display for AccessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "cannot be used by the user that this process runs as",
            Self::NoDatabase => {
                "is not there: PostgreSQL answers, and has no database of that name"
            }
            Self::NotADatabase => "holds a file that is no SQLite database, or a damaged one",
            Self::Privilege => "does not let this database user make tables",
            Self::Refused => "does not let this database user in",
            Self::Silent => "does not answer",
            Self::Tls => "does not encrypt the connection as is demanded",
        })
    }
}

impl StoreError {
    /// Why the database does not let us in, if it is that.
    pub fn access_fault(&self) -> Option<AccessFault> {
        match self {
            Self::Database(source) => of_statement(&source.to_string()),
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    Some(AccessFault::Files)
                }
                _ => None,
            },
            Self::Unreachable(source) => Some(of_connection(&**source)),
            _ => None,
        }
    }
}

/// What SQLite and, in English, PostgreSQL say; diesel passes on the text alone.
fn of_statement(told: &str) -> Option<AccessFault> {
    let says = |text| told.contains(text);
    if says("file is not a database") || says("database disk image is malformed") {
        Some(AccessFault::NotADatabase)
    } else if says("attempt to write a readonly database") {
        Some(AccessFault::Files)
    } else if says("permission denied for ") {
        Some(AccessFault::Privilege)
    } else {
        None
    }
}

fn of_connection(error: &(dyn Error + 'static)) -> AccessFault {
    let Some(error) = error.downcast_ref::<tokio_postgres::Error>() else {
        // SQLite's own, of a file that is there.
        return match error.downcast_ref::<diesel::ConnectionError>() {
            Some(_) => AccessFault::Files,
            None => AccessFault::Silent,
        };
    };
    // The driver tells its own kinds apart by their words alone.
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    match error.code() {
        Some(&SqlState::INVALID_CATALOG_NAME) => AccessFault::NoDatabase,
        Some(
            &SqlState::INSUFFICIENT_PRIVILEGE
            | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | &SqlState::INVALID_PASSWORD,
        ) => AccessFault::Refused,
        None if error.to_string().contains("TLS") => AccessFault::Tls,
        None if why.contains("password missing") => AccessFault::Refused,
        _ => AccessFault::Silent,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::path::Path;

    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    use super::*;
    use crate::{DatabaseUrl, OpenMode, OpenOptions, Store};

    async fn fault(url: &str) -> Option<AccessFault> {
        let url: DatabaseUrl = url.parse().unwrap();
        let opened = Store::open(&url, OpenOptions::new(OpenMode::Exclusive)).await;
        let error = opened.err().unwrap();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        error.access_fault()
    }

    /// A PostgreSQL that answers whoever connects with this message.
    fn answering(kind: u8, body: Vec<u8>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0, "it begins");
                let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
                stream.write_all(&[&[kind][..], &length, &body].concat()).unwrap();
            }
        });
        port
    }

    fn refusing(code: &str) -> u16 {
        answering(b'E', format!("SFATAL\0VFATAL\0C{code}\0Mno\0\0").into_bytes())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_postgresql_refuses_is_told_apart() {
        for (code, expected) in [
            ("28P01", AccessFault::Refused),
            ("28000", AccessFault::Refused),
            ("3D000", AccessFault::NoDatabase),
            ("57P03", AccessFault::Silent),
        ] {
            let url = format!("postgres://u:canary@127.0.0.1:{}/segura", refusing(code));
            assert_eq!(fault(&url).await, Some(expected), "{code}");
        }
        let wants_password = answering(b'R', 3_u32.to_be_bytes().to_vec());
        let without = format!("postgres://u@127.0.0.1:{wants_password}/segura");
        assert_eq!(fault(&without).await, Some(AccessFault::Refused));
        let plain = format!("postgres://u:canary@127.0.0.1:{}/s?sslmode=require", refusing("0"));
        assert_eq!(fault(&plain).await, Some(AccessFault::Tls));
        let nobody = "postgres://u:canary@127.0.0.1:9/segura";
        assert_eq!(fault(nobody).await, Some(AccessFault::Silent));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_no_database_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("segura.db");
        std::fs::write(&file, "no database at all, ".repeat(500)).unwrap();
        let url = format!("sqlite:{}", file.display());
        assert_eq!(fault(&url).await, Some(AccessFault::NotADatabase));
    }

    #[test]
    fn files_of_another_user_are_known() {
        let denied = StoreError::io(Path::new("x"), ErrorKind::PermissionDenied.into());
        assert_eq!(denied.access_fault(), Some(AccessFault::Files));
        let full = StoreError::io(Path::new("x"), ErrorKind::StorageFull.into());
        assert_eq!(full.access_fault(), None);
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        conn.batch_execute("PRAGMA query_only = ON").unwrap();
        let refused = StoreError::from(conn.batch_execute("CREATE TABLE t (a)").unwrap_err());
        assert_eq!(refused.access_fault(), Some(AccessFault::Files));
    }
}
