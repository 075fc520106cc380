//! What `segura login` stores: `$XDG_CONFIG_HOME/segura/credentials.toml`, mode 0600.
//!
//! One entry per broker, and which one is current. A file that others can read is
//! refused, as ssh does: by then the token in it is no secret any more.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use segura_model::{SecretText, secret};
use segura_plugins::Env;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::files;

/// The stored logins.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    current: Option<String>,
    #[serde(default, rename = "broker")]
    logins: Vec<Login>,
}

/// A credential for one broker.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The broker's URL, without a trailing slash.
    pub(crate) url: String,
    /// The certificates to trust, if they are not the system's.
    pub(crate) ca_pem: Option<String>,
    /// The operator's token.
    #[serde(serialize_with = "secret::serialize_exposed")]
    pub(crate) token: SecretText,
}

/// Where the credentials are.
pub(crate) fn path(env: &dyn Env) -> Result<PathBuf, CliError> {
    let var = |name| env.filled(name).map(PathBuf::from);
    var("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| var("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("segura").join("credentials.toml"))
        .ok_or(CliError::NoHome)
}

impl Credentials {
    /// Load them; a file that is not there is empty.
    pub(crate) fn load(path: &Path) -> Result<Self, CliError> {
        let unreadable = |source| CliError::StoredLogin { path: path.to_owned(), source };
        match std::fs::metadata(path) {
            // The second is a home of /dev/null, as users of services have.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self::default());
            }
            Err(source) => return Err(unreadable(source)),
            Ok(metadata) if metadata.mode() & 0o077 != 0 => {
                return Err(CliError::ReadableByOthers { path: path.to_owned() });
            }
            Ok(_) => {}
        }
        let text = files::read_secret(path, LIMIT).map_err(|error| match error {
            CliError::Read { source, .. } => unreadable(source),
            other => other,
        })?;
        // EXPOSE: parsed into boxes at once. The parser's message would quote the line.
        toml::from_str(text.expose())
            .map_err(|_| CliError::CredentialsUnreadable { path: path.to_owned() })
    }

    /// Store them, making the directory if it is not there.
    pub(crate) fn save(&self, path: &Path) -> Result<(), CliError> {
        if let Some(directory) = path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|source| CliError::Write { path: directory.to_owned(), source })?;
        }
        let mut text = String::from("# Written by `segura login`. Holds operator tokens.\n");
        let body = toml::to_string(self).expect("credentials are plain strings");
        let _ = write!(text, "{body}");
        files::replace_private(path, text.as_bytes())
    }

    /// The login that is used when no URL is given.
    pub(crate) fn current(&self) -> Option<&Login> {
        self.login(self.current.as_deref()?)
    }

    /// The login for a broker.
    pub(crate) fn login(&self, url: &str) -> Option<&Login> {
        self.logins.iter().find(|login| login.url == normal(url))
    }

    /// Add or replace a login, and make it the current one.
    pub(crate) fn put(&mut self, login: Login) {
        let login = Login { url: normal(&login.url).to_owned(), ..login };
        self.remove(&login.url);
        self.current = Some(login.url.clone());
        self.logins.push(login);
    }

    /// Forget a login. The next one, if any, becomes the current one only by a login.
    pub(crate) fn remove(&mut self, url: &str) -> bool {
        let url = normal(url);
        let before = self.logins.len();
        self.logins.retain(|login| login.url != url);
        if self.current.as_deref() == Some(url) {
            self.current = None;
        }
        self.logins.len() < before
    }
}

fn normal(url: &str) -> &str {
    url.trim().trim_end_matches('/')
}

const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use segura_plugins::MapEnv;

    use super::*;

    fn login(url: &str, token: &str) -> Login {
        Login { url: url.to_owned(), ca_pem: None, token: SecretText::new(token) }
    }

    #[test]
    fn what_is_stored_reads_back_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let env = MapEnv::new([("HOME", home.path().display().to_string())]);
        let path = path(&env).unwrap();

        let mut credentials = Credentials::load(&path).unwrap();
        credentials.put(login("https://one.example/", "sgo_one"));
        credentials.put(login("https://two.example", "sgo_two"));
        credentials.save(&path).unwrap();

        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = Credentials::load(&path).unwrap();
        assert_eq!(read.current().unwrap().url, "https://two.example");
        assert_eq!(read.login("https://one.example/").unwrap().token.expose(), "sgo_one");
    }

    #[test]
    fn a_credential_is_only_for_the_url_it_was_stored_for() {
        let mut credentials = Credentials::default();
        credentials.put(login("https://one.example", "sgo_one"));
        assert!(credentials.login("https://one.example.evil.example").is_none());
        assert!(credentials.login("http://one.example").is_none());
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("credentials.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Credentials::load(&path), Err(CliError::ReadableByOthers { .. })));
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("credentials.toml");
        files::create_private(&path, b"token = sgo_hunter2").unwrap();
        let error = Credentials::load(&path).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn logging_out_of_the_current_broker_leaves_none_current() {
        let mut credentials = Credentials::default();
        credentials.put(login("https://one.example", "sgo_one"));
        assert!(credentials.remove("https://one.example/"));
        assert!(credentials.current().is_none());
        assert!(!credentials.remove("https://one.example"));
    }
}
