//! Where the database is, and as whom it is entered.
//!
//! Its password can stand in three places, and each of them in the file, the environment or
//! on the command line. As with every setting, flags stand over the environment and that
//! over the file; two that stand equally high are a mistake, and none is guessed.

use std::path::Path;

use segura_model::{SecretBytes, SecretText};
use segura_store::{DatabaseUrl, STRAY_AT, has_stray_at};
use url::Url;

use super::{Noted, Reader};
use crate::config::Server;
use crate::config::gather::Origin;
use crate::config::guard::read_private;
use crate::config::source::SettingSource;

const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
/// The embedded database, under the data directory.
const DATABASE_FILE: &str = "segura.db";
/// The query's word for a password.
const PASSWORD: &str = "password";
const EXPECTED: &str = "expected postgres://user@host/name; without it the database is a file \
                        under `server.data_dir`";

/// Where a password can stand, by the setting that it or its file's name is.
#[derive(Clone, Copy)]
enum Place {
    /// In the URL, once as a part of the address and once as a parameter.
    Url,
    Password,
    PasswordFile,
}

impl Place {
    const fn setting(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Password => "password",
            Self::PasswordFile => "password_file",
        }
    }
}

impl Reader<'_> {
    pub(super) fn database(&mut self, server: &Server) -> Option<DatabaseUrl> {
        let text = self.text("database", "url").unwrap_or_default();
        if text.is_empty() {
            return Some(DatabaseUrl::Sqlite(server.data_dir.join(DATABASE_FILE)));
        }
        if POSTGRES.iter().any(|scheme| text.starts_with(scheme)) && has_stray_at(&text) {
            return self.problem("database", "url", STRAY_AT);
        }
        let url = Url::parse(&text).ok().filter(|url| POSTGRES.contains(&url.scheme()));
        let Some(url) = url else {
            return self.problem("database", "url", EXPECTED);
        };
        let from_env = matches!(self.origin("database", "url"), Some(Origin::Environment(_)));
        if inline_passwords(&url) > 0 && !from_env {
            let message = "a password is never written here: put it into a file and name that as \
                           `database.password_file`, or set SEGURA_DATABASE__PASSWORD";
            return self.problem("database", "url", message);
        }
        let url = self.with_password(url)?;
        Some(DatabaseUrl::Postgres(SecretText::new(String::from(url))))
    }

    /// Which setting says where the database is.
    pub(super) fn database_setting(&self, database: Option<&DatabaseUrl>) -> SettingSource {
        let (section, name, setting) = match database {
            Some(DatabaseUrl::Postgres(_)) => ("database", "url", "database.url"),
            Some(DatabaseUrl::Sqlite(_)) | None => ("server", "data_dir", "server.data_dir"),
        };
        let origin = self.origin(section, name).cloned();
        SettingSource::new(setting, origin.unwrap_or(Origin::Default))
    }

    /// The URL with the one password that counts, if there is any.
    fn with_password(&mut self, mut url: Url) -> Option<Url> {
        let password = match self.password_place(&url).ok()? {
            None | Some(Place::Url) => return Some(url),
            Some(Place::Password) => SecretText::new(self.text("database", "password")?),
            Some(Place::PasswordFile) => {
                let path = self.path("database", "password_file")?;
                self.password_of(&path)?
            }
        };
        drop_parameter(&mut url);
        // EXPOSE: it becomes part of the connection's address, which is a secret itself.
        if url.set_password(Some(password.expose())).is_err() {
            return self.problem("database", "url", EXPECTED);
        }
        Some(url)
    }

    /// The place whose setting stands highest.
    fn password_place(&mut self, url: &Url) -> Result<Option<Place>, Noted> {
        let mut given = vec![Place::Url; inline_passwords(url)];
        let is_said = |name| self.text("database", name).is_some_and(|text| !text.is_empty());
        given.extend(
            [Place::Password, Place::PasswordFile]
                .into_iter()
                .filter(|place| is_said(place.setting())),
        );
        let rank = |place: &Place| self.origin("database", place.setting()).map(Origin::rank);
        let highest = given.iter().map(rank).max().flatten();
        given.retain(|place| rank(place) == highest);
        match given[..] {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [first, second, ..] => {
                self.two_passwords([first, second]);
                Err(Noted)
            }
        }
    }

    fn two_passwords(&mut self, places: [Place; 2]) {
        let [first, second] = places.map(|place| match place {
            Place::Url => "in `database.url`".to_owned(),
            other => format!("as `database.{}`", other.setting()),
        });
        let message = format!(
            "the database's password is given twice in the same way, {first} and {second}, and \
             neither stands over the other: keep one"
        );
        self.problem::<()>("database", places[1].setting(), message);
    }

    fn password_of(&mut self, path: &Path) -> Option<SecretText> {
        let message = match read_private(path).map(SecretBytes::into_text) {
            // EXPOSE: without its line end, into another box.
            Ok(Some(text)) => return Some(SecretText::new(text.expose().trim_end())),
            Ok(None) => "the file does not hold text".to_owned(),
            Err(error) => error.to_string(),
        };
        self.problem("database", "password_file", message)
    }
}

/// How many passwords stand in a URL.
fn inline_passwords(url: &Url) -> usize {
    let parameters = url.query_pairs().filter(|(name, _)| name == PASSWORD).count();
    usize::from(url.password().is_some()) + parameters
}

/// Take the parameter with the password out, and leave the others as they are written.
fn drop_parameter(url: &mut Url) {
    let Some(query) = url.query() else { return };
    let is_other = |pair: &&str| {
        url::form_urlencoded::parse(pair.as_bytes()).all(|(name, _)| name != PASSWORD)
    };
    let kept: Vec<&str> = query.split('&').filter(is_other).collect();
    let kept = kept.join("&");
    url.set_query(Some(kept.as_str()).filter(|query| !query.is_empty()));
}
