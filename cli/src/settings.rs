//! Flags of the commands that run on the server itself: where the settings are, and
//! what stands over them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use segura_broker::config::{Config, ConfigErrors, Problem};
use segura_model::{Clock, SystemClock};

use crate::context::Context;
use crate::error::CliError;

/// Where the settings are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file; else ./segura.toml or /etc/segura/segura.toml, if there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Settings on the command line, over those of the environment and the file.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Overrides {
    /// An address under which callers know this server; may be repeated
    #[arg(long = "url", value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// Where to listen, such as 127.0.0.1:8443; else 0.0.0.0:8443
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The directory of the embedded database; else /var/lib/segura, and for a new
    /// configuration file of `init` segura-data beside it
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Any other setting of the configuration file: limits.queue=1000; may be repeated
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    pub(crate) settings: Vec<Assignment>,
}

/// `telemetry.format=text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) setting: String,
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((setting, value)) if setting.contains('.') => {
                Ok(Self { setting: setting.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected SECTION.NAME=VALUE, such as telemetry.format=text".to_owned()),
        }
    }
}

impl ConfigFile {
    /// The file: the one that was named, or the first of the usual ones that is there.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.is_file());
        self.config.clone().or_else(usual)
    }

    /// The settings, with nothing over environment and file.
    pub(crate) fn load(&self, context: &Context) -> Result<Config, CliError> {
        self.read(context, &[])
    }

    /// The settings, with these over environment and file.
    pub(crate) fn load_with(
        &self,
        overrides: &Overrides,
        context: &Context,
    ) -> Result<Config, CliError> {
        self.read(context, &overrides.flags())
    }

    fn read(&self, context: &Context, flags: &[(String, String)]) -> Result<Config, CliError> {
        let file = self.find();
        load(file.as_deref(), context, flags).map_err(|error| match error {
            CliError::Config(ConfigErrors(mut problems)) if file.is_none() => {
                // Else whoever stands in the wrong folder mends settings that are there.
                problems.insert(0, no_file());
                ConfigErrors(problems).into()
            }
            other => other,
        })
    }
}

impl Overrides {
    /// The settings by name, as text.
    pub(crate) fn flags(&self) -> Vec<(String, String)> {
        let mut flags = Vec::new();
        let mut flag = |setting: &str, value: String| flags.push((setting.to_owned(), value));
        if !self.url.is_empty() {
            flag("server.url", self.url.join(","));
        }
        if let Some(listen) = &self.listen {
            flag("server.listen", listen.clone());
        }
        if let Some(data_dir) = &self.data_dir {
            flag("server.data_dir", data_dir.display().to_string());
        }
        for Assignment { setting, value } in &self.settings {
            flag(setting, value.clone());
        }
        flags
    }
}

fn no_file() -> Problem {
    Problem {
        place: "no configuration file".to_owned(),
        origin: None,
        message: format!("there is none at {}: name it with --config", USUAL.join(" or ")),
    }
}

/// Load settings; a file that was named and is not there is an error of its own.
pub(crate) fn load(
    file: Option<&Path>,
    context: &Context,
    flags: &[(String, String)],
) -> Result<Config, CliError> {
    Config::load(file, &context.env, flags).map_err(CliError::from)
}

/// What a look at the machine says about the settings.
pub(crate) fn check(config: &Config) -> Result<(), CliError> {
    let problems = config.check(SystemClock.now());
    if problems.is_empty() { Ok(()) } else { Err(ConfigErrors(problems).into()) }
}

const USUAL: [&str; 2] = ["segura.toml", "/etc/segura/segura.toml"];

#[cfg(test)]
mod tests {
    use segura_plugins::MapEnv;

    use super::*;
    use crate::cli::Globals;

    #[test]
    fn flags_stand_over_the_file_by_their_names() {
        let overrides = Overrides {
            url: vec!["https://a.example".to_owned(), "https://b.example".to_owned()],
            listen: Some("127.0.0.1:1".to_owned()),
            data_dir: None,
            settings: vec!["limits.queue=7".parse().unwrap()],
        };
        let flags = overrides.flags();
        let text: Vec<_> = flags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text,
            [
                "server.url=https://a.example,https://b.example",
                "server.listen=127.0.0.1:1",
                "limits.queue=7"
            ]
        );
    }

    #[test]
    fn that_there_is_no_file_is_said_before_what_it_lacks() {
        let there = PathBuf::from("/nowhere/segura.toml");
        let context = Context::new(MapEnv::default(), Globals::default());
        let told = |config| ConfigFile { config }.load(&context).unwrap_err().to_string();
        let told_of_one = told(Some(there));
        assert!(told_of_one.contains("/nowhere/segura.toml: cannot be read"), "{told_of_one}");
        assert!(!told_of_one.contains("no configuration file"), "{told_of_one}");
        if ConfigFile::default().find().is_none() {
            let without = told(None);
            assert!(without.contains("--config"), "{without}");
        }
    }

    #[test]
    fn an_assignment_names_a_section() {
        assert!("queue=7".parse::<Assignment>().is_err());
        assert!("limits.queue".parse::<Assignment>().is_err());
    }
}
