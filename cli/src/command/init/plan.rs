//! Which settings: those of the file that is there, or those of the flags, with a new
//! file to write.

use std::path::{Path, PathBuf, absolute};

use segura_broker::config::{self, Config, GuardSource, Problem};
use segura_model::{Clock, SystemClock};
use segura_plugins::Env;

use super::Args;
use crate::context::Context;
use crate::error::CliError;
use crate::settings;

/// The settings to initialise.
pub(crate) struct Plan {
    /// Where the configuration file is, or will be.
    pub(crate) path: PathBuf,
    /// What to write into it, if it is not there.
    pub(crate) new_file: Option<String>,
    /// The settings.
    pub(crate) config: Config,
    /// What callers will not like about the certificate that the settings name.
    certificate: Vec<Problem>,
    /// The flags that say something else than the file that is there.
    differing: Vec<String>,
    /// The guard that such a flag names.
    named_guard: Option<GuardSource>,
}

impl Plan {
    /// Settle the settings. A certificate that no server could show is an error: once
    /// something was made, it would be found by the server that does not start.
    pub(crate) fn new(args: &Args, context: &Context) -> Result<Self, CliError> {
        let path = absolute(&args.config)
            .map_err(|source| CliError::Read { path: args.config.clone(), source })?;
        if path.exists() {
            let config = settings::load(Some(&path), context, &[])?;
            let chosen = chosen(args)?;
            let mut plan = Self::of(path, None, config)?;
            plan.named_guard = chosen.iter().find_map(guard);
            plan.differing = differing(&plan.path, &plan.config, &chosen, context);
            return Ok(plan);
        }
        let mut chosen = chosen(args)?;
        chosen.extend(defaults(&chosen, context, &path));
        let config = settings::load(None, context, &chosen)?;
        let toml: Vec<(&str, toml::Value)> =
            chosen.iter().map(|(name, value)| (name.as_str(), toml_value(name, value))).collect();
        Self::of(path, Some(config::template(&toml)), config)
    }

    fn of(path: PathBuf, new_file: Option<String>, config: Config) -> Result<Self, CliError> {
        let certificate = config.look_at_certificate(SystemClock.now())?;
        let (differing, named_guard) = (Vec::new(), None);
        Ok(Self { path, new_file, config, certificate, differing, named_guard })
    }

    /// The settings under the guard that the flags name: it must open the keyring, whatever
    /// the file says.
    pub(crate) fn guarded(&self) -> Config {
        let guard = self.named_guard.as_ref().unwrap_or(&self.config.guard).clone();
        Config { guard, ..self.config.clone() }
    }

    /// Refuse flags that a file which is there contradicts: none of them would do anything.
    pub(crate) fn check_flags(&self) -> Result<(), CliError> {
        if self.differing.is_empty() {
            return Ok(());
        }
        Err(CliError::SettingsDiffer { path: self.path.clone(), flags: self.differing.clone() })
    }

    /// What is mostly not meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.config.warnings();
        warnings.iter().chain(&self.certificate).map(ToString::to_string).collect()
    }
}

/// The guard that a flag names.
fn guard((name, value): &(String, String)) -> Option<GuardSource> {
    match name.as_str() {
        "guard.key_file" => Some(GuardSource::KeyFile(value.into())),
        "guard.passphrase_file" => Some(GuardSource::PassphraseFile(value.into())),
        _ => None,
    }
}

/// The flags that would change something, if the file did not stand. One that makes no sense
/// with the file is one of them: the file is there, and makes sense.
fn differing(
    file: &Path,
    there: &Config,
    chosen: &[(String, String)],
    context: &Context,
) -> Vec<String> {
    let differs = |setting: &&(String, String)| {
        let with = settings::load(Some(file), context, std::slice::from_ref(*setting));
        !with.is_ok_and(|with| is_same(with, there))
    };
    let flag = |name: &str| {
        let flag = FLAGS.iter().find(|(setting, _)| *setting == name);
        flag.map_or_else(|| format!("--set {name}"), |(_, flag)| (*flag).to_owned())
    };
    chosen.iter().filter(differs).map(|(name, _)| flag(name)).collect()
}

fn is_same(with: Config, there: &Config) -> bool {
    // Where the database's address comes from is no difference.
    Config { database_setting: there.database_setting.clone(), ..with } == *there
}

/// The settings that have a flag of their own.
const FLAGS: [(&str, &str); 9] = [
    ("server.url", "--url"),
    ("server.listen", "--listen"),
    ("server.data_dir", "--data-dir"),
    ("database.url", "--database"),
    ("database.password_file", "--database-password-file"),
    ("guard.key_file", "--key-file"),
    ("guard.passphrase_file", "--passphrase-file"),
    ("tls.cert_file", "--tls-cert"),
    ("tls.key_file", "--tls-key"),
];

/// The settings that the flags choose, paths made absolute: in the file they would count
/// from its directory.
fn chosen(args: &Args) -> Result<Vec<(String, String)>, CliError> {
    let mut chosen = args.overrides.flags();
    let paths = [
        ("database.password_file", &args.database_password_file),
        ("guard.key_file", &args.key_file),
        ("guard.passphrase_file", &args.passphrase_file),
        ("tls.cert_file", &args.tls_cert),
        ("tls.key_file", &args.tls_key),
    ];
    for (name, path) in paths {
        if let Some(path) = path {
            chosen.push((name.to_owned(), path.display().to_string()));
        }
    }
    if let Some(database) = &args.database {
        chosen.push(("database.url".to_owned(), database.clone()));
    }
    for (name, value) in &mut chosen {
        if is_path(name) {
            *value = full(value)?;
        } else if is_paths(name) {
            let all: Result<Vec<_>, _> = value.split(',').map(str::trim).map(full).collect();
            *value = all?.join(",");
        }
    }
    Ok(chosen)
}

/// Data and key file beside the configuration file, unless said otherwise.
fn defaults(
    chosen: &[(String, String)],
    context: &Context,
    config: &Path,
) -> Vec<(String, String)> {
    let said = |name: &str| {
        let variable = format!("SEGURA_{}", name.replace('.', "__").to_uppercase());
        chosen.iter().any(|(known, _)| known == name) || context.env.filled(&variable).is_some()
    };
    let beside = |name: &str| config.with_file_name(name).display().to_string();
    let mut defaults = Vec::new();
    if !said("server.data_dir") {
        defaults.push(("server.data_dir".to_owned(), beside("segura-data")));
    }
    if !GUARDS.iter().any(|name| said(name)) {
        defaults.push(("guard.key_file".to_owned(), beside("guard.key")));
    }
    defaults
}

fn is_path(name: &str) -> bool {
    name == "server.data_dir" || name.ends_with("_file")
}

fn is_paths(name: &str) -> bool {
    name.ends_with("_files")
}

fn full(path: &str) -> Result<String, CliError> {
    let full = absolute(path);
    let full = full.map_err(|source| CliError::Read { path: PathBuf::from(path), source })?;
    Ok(full.display().to_string())
}

/// A flag's text as the file has it: lists as lists, numbers as numbers.
fn toml_value(name: &str, value: &str) -> toml::Value {
    if LISTS.contains(&name) {
        return value.split(',').map(str::trim).collect::<Vec<_>>().into();
    }
    value.parse::<i64>().map_or_else(|_| value.into(), toml::Value::from)
}

const GUARDS: [&str; 3] = ["guard.key_file", "guard.passphrase_file", "guard.passphrase"];
const LISTS: [&str; 3] = ["server.url", "server.trusted_proxies", "server.issuer_files"];

#[cfg(test)]
mod tests {
    use clap::Parser;
    use segura_plugins::MapEnv;

    use super::*;
    use crate::cli::{Cli, Command};

    fn plan(line: &[&str], env: MapEnv) -> Result<Plan, CliError> {
        let line = ["segura", "init"].iter().chain(line);
        let cli = Cli::try_parse_from(line).unwrap();
        let context = Context::new(env, cli.globals);
        match cli.command {
            Command::Init(args) => Plan::new(&args, &context),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_file_loads_as_the_settings_that_were_planned() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("segura.toml");
        let line = [
            "--url",
            "https://segura.example",
            "--url",
            "https://segura.example:8443",
            "--config",
            file.to_str().unwrap(),
            "--set",
            "limits.queue=7",
        ];
        let made = plan(&line, MapEnv::default()).unwrap();
        std::fs::write(&file, made.new_file.as_ref().unwrap()).unwrap();

        let again = plan(&line, MapEnv::default()).unwrap();
        assert!(again.new_file.is_none());
        again.check_flags().unwrap();
        let mut read = again.config.clone();
        assert!(read.database_setting.to_string().contains(file.to_str().unwrap()));
        read.database_setting = made.config.database_setting.clone();
        assert_eq!(format!("{read:?}"), format!("{:?}", made.config));
        assert_eq!(again.config.server.urls.len(), 2);
        assert_eq!(again.config.limits.queue, 7);
        assert_eq!(again.config.server.data_dir, directory.path().join("segura-data"));
    }

    #[test]
    fn flags_that_the_file_contradicts_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("segura.toml");
        let config = ["--config", file.to_str().unwrap()];
        let database = |user| format!("--database=postgres://{user}@db/segura");
        let first = ["--url=https://segura.example:8443", &database("one")];
        let made = plan(&[&config[..], &first].concat(), MapEnv::default()).unwrap();
        std::fs::write(&file, made.new_file.as_ref().unwrap()).unwrap();

        let check = |more: &[&str]| {
            let plan = plan(&[&config[..], more].concat(), MapEnv::default()).unwrap();
            plan.check_flags().map_err(|error| error.to_string())
        };
        check(&[]).unwrap();
        check(&first).unwrap();
        let told = check(&[
            "--url=https://other.example:8443",
            &database("two"),
            "--listen=0.0.0.0:8443",
            "--set=limits.queue=7",
            "--passphrase-file=/p",
        ]);
        let told = told.unwrap_err();
        let named = "--url, --set limits.queue, --passphrase-file, --database";
        assert!(told.contains(named) && !told.contains("--listen"), "{told}");
    }

    #[test]
    fn a_passphrase_in_the_environment_needs_no_key_file() {
        let env = MapEnv::new([("SEGURA_GUARD__PASSPHRASE", "correct horse battery")]);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("segura.toml");
        let line = ["--url", "https://segura.example", "--config", file.to_str().unwrap()];
        let made = plan(&line, env).unwrap();
        let text = made.new_file.unwrap();
        assert!(text.contains("#key_file") && !text.contains("correct horse"), "{text}");
    }

    #[test]
    fn a_password_in_the_database_url_is_refused() {
        let line =
            ["--url", "https://segura.example", "--database", "postgres://u:hunter2@db/segura"];
        let error = plan(&line, MapEnv::default()).err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn the_url_is_demanded() {
        let error = plan(&[], MapEnv::default()).err().unwrap();
        assert!(error.to_string().contains("server.url"), "{error}");
    }
}
