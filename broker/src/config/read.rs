//! From raw values to typed ones; every problem is collected.

mod database;
mod telemetry;

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use segura_model::SecretText;
use segura_model::duration::Seconds;

use super::gather::{Origin, Setting, Settings, Value};
use super::guard::GuardSource;
use super::keys::{self, Form, Key, UNDERSTOOD};
use super::problem::Problem;
use super::{Config, Limits, Server, Tls};
use crate::net::IssuerFiles;

/// Read every setting; `None`, or problems, when one of them cannot be.
pub(super) fn read(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut reader = Reader { settings, problems };
    reader.refuse_inline_secrets();
    let server = reader.server();
    let tls = reader.tls();
    if let (Some(server), Some(tls)) = (&server, &tls) {
        reader.refuse_plaintext(server, tls);
    }
    let database = server.as_ref().and_then(|server| reader.database(server));
    let database_setting = reader.database_setting(database.as_ref());
    let guard = reader.guard();
    let limits = reader.limits();
    let telemetry = reader.telemetry();
    Some(Config {
        server: server?,
        database: database?,
        database_setting,
        guard: guard?,
        tls: tls?,
        limits: limits?,
        telemetry: telemetry?,
    })
}

/// A problem was noted.
struct Noted;

struct Reader<'a> {
    settings: &'a Settings,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn server(&mut self) -> Option<Server> {
        let urls = self.list("server", "url");
        let listen = self.address("listen");
        let metrics = match self.text("server", "metrics_listen").as_deref() {
            Some("off" | "") => Some(None),
            _ => self.address("metrics_listen").map(Some),
        };
        let proxies = self.list("server", "trusted_proxies");
        let data_dir = self.path("server", "data_dir");
        let issuer_files = data_dir.as_deref().map(|data_dir| self.issuer_files(data_dir));
        if urls.as_ref().is_some_and(Vec::is_empty) {
            let message = "say under which address callers know this server, such as \
                           https://segura.example.com";
            return self.problem("server", "url", message);
        }
        Some(Server {
            urls: urls?,
            listen: listen?,
            metrics_listen: metrics?,
            data_dir: data_dir?,
            trusted_proxies: proxies?,
            issuer_files: issuer_files?,
        })
    }

    fn issuer_files(&mut self, data_dir: &Path) -> IssuerFiles {
        let mut folders = self.paths("server", "issuer_files");
        if folders.is_empty() {
            folders.push(data_dir.join(ISSUER_FILES));
        }
        // Entries name files from the root on; so must what they are compared with.
        let absolute = folders.into_iter().filter_map(|folder| std::path::absolute(folder).ok());
        IssuerFiles::new(absolute.collect())
    }

    fn tls(&mut self) -> Option<Tls> {
        let cert_file = self.path("tls", "cert_file");
        let key_file = self.path("tls", "key_file");
        let mode = self.text("tls", "mode").unwrap_or_default();
        match (mode.as_str(), cert_file, key_file) {
            ("" | "files", Some(cert_file), Some(key_file)) => {
                Some(Tls::Files { cert_file, key_file })
            }
            ("" | "managed", None, None) => Some(Tls::Managed),
            ("off", None, None) => Some(Tls::Off),
            ("managed" | "off", _, _) => {
                let message = format!("with `{mode}` there is no `cert_file` or `key_file`");
                self.problem("tls", "mode", message)
            }
            ("" | "files", _, _) => {
                let message = "a given certificate needs both `cert_file` and `key_file`";
                self.problem("tls", "cert_file", message)
            }
            _ => self.problem("tls", "mode", "expected `managed`, `files` or `off`"),
        }
    }

    fn refuse_plaintext(&mut self, server: &Server, tls: &Tls) {
        let words = self.text("server", "allow_plaintext_on_a_network").unwrap_or_default();
        if !words.is_empty() && words != UNDERSTOOD {
            let message = format!("write \"{UNDERSTOOD}\", or leave it out");
            self.problem::<()>("server", "allow_plaintext_on_a_network", message);
        }
        let on_a_network = !server.listen.ip().is_loopback();
        if *tls == Tls::Off && on_a_network && words != UNDERSTOOD {
            let message = format!(
                "plain HTTP is served on loopback only, and {} is not: use TLS, or say \
                 `allow_plaintext_on_a_network = \"{UNDERSTOOD}\"` under [server]",
                server.listen
            );
            self.problem::<()>("tls", "mode", message);
        }
    }

    fn guard(&mut self) -> Option<GuardSource> {
        let key_file = self.path("guard", "key_file");
        let passphrase_file = self.path("guard", "passphrase_file");
        let passphrase = self.text("guard", "passphrase").filter(|text| !text.is_empty());
        match (key_file, passphrase_file, passphrase) {
            (Some(path), None, None) => Some(GuardSource::KeyFile(path)),
            (None, Some(path), None) => Some(GuardSource::PassphraseFile(path)),
            (None, None, Some(text)) => Some(GuardSource::Passphrase(SecretText::new(text))),
            (None, None, None) => {
                let message = "say what opens the keyring: `guard.key_file` or \
                               `guard.passphrase_file`";
                self.problem("guard", "key_file", message)
            }
            _ => {
                let message = "one guard opens the keyring: a key file, a passphrase file or a \
                               passphrase, not several";
                self.problem("guard", "key_file", message)
            }
        }
    }

    fn limits(&mut self) -> Option<Limits> {
        let connections = self.count("connections", 1..=1_000_000);
        let per_address = self.count("connections_per_address", 1..=1_000_000);
        let handshakes = self.count("handshakes", 1..=100_000);
        let backlog = self.count("backlog", 1..=65_535);
        let header_time = self.time("header_time", 1..=120);
        let body_time = self.time("body_time", 1..=600);
        let keep_alive = self.time("keep_alive", 0..=3_600);
        let drain_time = self.time("drain_time", 0..=3_600);
        let shutdown_time = self.time("shutdown_time", 0..=3_600);
        let workers = self.count("workers", 0..=1_024);
        let requests = self.count("requests", 1..=1_000_000);
        let queue = self.count("queue", 1..=1_000_000);
        let min_free_disk = self.parse("limits", "min_free_disk");
        let keys_max_stale = self.time("keys_max_stale", 300..=30 * 86_400);
        Some(Limits {
            connections: connections?,
            connections_per_address: per_address?,
            handshakes: handshakes?,
            backlog: i32::try_from(backlog?).ok()?,
            header_time: header_time?,
            body_time: body_time?,
            keep_alive: keep_alive?,
            drain_time: drain_time?,
            shutdown_time: shutdown_time?,
            workers: Some(workers?).filter(|workers| *workers > 0),
            requests: requests?,
            queue: queue?,
            min_free_disk: min_free_disk?,
            keys_max_stale: keys_max_stale?,
        })
    }

    /// Secrets in the file or on the command line, which others can read.
    fn refuse_inline_secrets(&mut self) {
        for (&(section, name), Setting { origin, .. }) in self.settings {
            let form = keys::find(section, name).map(|key| key.form);
            let Some(Form::Secret { file_key }) = form else { continue };
            if matches!(origin, Origin::File(_) | Origin::Flag) {
                let variable = keys::find(section, name).map(Key::variable).unwrap_or_default();
                let message = format!(
                    "a secret is never written here: put it into a file and name that as \
                     `{section}.{file_key}`, or set {variable}"
                );
                self.problem::<()>(section, name, message);
            }
        }
    }

    fn address(&mut self, name: &'static str) -> Option<SocketAddr> {
        let Ok(address) = self.text("server", name)?.parse() else {
            let message = "expected an address and a port, such as 127.0.0.1:8443 or [::]:8443";
            return self.problem("server", name, message);
        };
        Some(address)
    }

    fn count(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Option<usize> {
        let Ok(count) = self.text("limits", name)?.parse::<usize>() else {
            return self.problem("limits", name, "expected a whole number");
        };
        if bounds.contains(&count) {
            return Some(count);
        }
        let message = format!("must be between {} and {}", bounds.start(), bounds.end());
        self.problem("limits", name, message)
    }

    fn time(
        &mut self,
        name: &'static str,
        seconds: std::ops::RangeInclusive<i64>,
    ) -> Option<Duration> {
        let time = self.parse::<Seconds>("limits", name)?;
        if seconds.contains(&time.count()) {
            return u64::try_from(time.count()).ok().map(Duration::from_secs);
        }
        let [least, most] = [*seconds.start(), *seconds.end()].map(Seconds::new);
        self.problem("limits", name, format!("must be between {least} and {most}"))
    }

    fn parse<T: FromStr<Err: Display>>(
        &mut self,
        section: &'static str,
        name: &'static str,
    ) -> Option<T> {
        match self.text(section, name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => self.problem(section, name, error.to_string()),
        }
    }

    fn list<T: FromStr<Err: Display>>(
        &mut self,
        section: &'static str,
        name: &'static str,
    ) -> Option<Vec<T>> {
        let items = match self.settings.get(&(section, name)).map(|setting| &setting.value) {
            Some(Value::List(items)) => items.clone(),
            Some(Value::Text(only)) => vec![only.clone()],
            None => Vec::new(),
        };
        let parsed =
            items.iter().map(|item| item.parse().map_err(|error: T::Err| error.to_string()));
        match parsed.collect() {
            Ok(values) => Some(values),
            Err(error) => self.problem(section, name, error),
        }
    }

    /// A path, if one is given. Those of the file count from its directory.
    fn path(&self, section: &'static str, name: &'static str) -> Option<PathBuf> {
        let text = self.text(section, name).filter(|text| !text.is_empty())?;
        Some(self.located(section, name, &text))
    }

    fn paths(&self, section: &'static str, name: &'static str) -> Vec<PathBuf> {
        let items = match self.settings.get(&(section, name)).map(|setting| &setting.value) {
            Some(Value::List(items)) => items.as_slice(),
            Some(Value::Text(_)) | None => &[],
        };
        items.iter().map(|text| self.located(section, name, text)).collect()
    }

    fn located(&self, section: &'static str, name: &'static str, path: &str) -> PathBuf {
        match self.origin(section, name) {
            Some(Origin::File(file)) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => PathBuf::from(path),
        }
    }

    fn text(&self, section: &'static str, name: &'static str) -> Option<String> {
        match &self.settings.get(&(section, name))?.value {
            Value::List(items) => Some(items.join(",")),
            Value::Text(text) => Some(text.clone()),
        }
    }

    fn origin(&self, section: &'static str, name: &'static str) -> Option<&Origin> {
        self.settings.get(&(section, name)).map(|setting| &setting.origin)
    }

    /// Note a problem; always `None`, for the value that is not there.
    fn problem<T>(
        &mut self,
        section: &'static str,
        name: &'static str,
        message: impl Into<String>,
    ) -> Option<T> {
        let origin = match self.origin(section, name) {
            Some(Origin::Environment(variable)) => Some(variable.clone()),
            Some(Origin::Flag) => Some("the command line".to_owned()),
            Some(Origin::Default | Origin::File(_)) | None => None,
        };
        let place = format!("{section}.{name}");
        self.problems.push(Problem { place, origin, message: message.into() });
        None
    }
}

/// Where issuer entries may name files when nothing is said, under the data directory.
const ISSUER_FILES: &str = "issuers";
