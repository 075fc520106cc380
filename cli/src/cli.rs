//! The command line as a type: the global flags and the list of commands.
//!
//! Flags are not read from the environment by the parser: the environment is one
//! value, looked up in [`crate::context`], so that tests need no process of their own.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use segura_model::duration::Seconds;

use crate::command::{
    audit, ca, config, dev, exec, export, init, issuer, keyring, login, logout, operator, policy,
    secret, server, session, whoami,
};

/// CI jobs trade their identity token for the secrets they may have.
#[derive(Debug, Parser)]
#[command(name = "segura", version, arg_required_else_help = true)]
#[command(after_help = "Example:
  segura dev                                    try it: a broker and CI issuers on this machine
  segura exec --secret 'db/prod/password > DB_PASSWORD' -- ./deploy.sh
  segura policy explain --denial 01JDGW5E6Y3X9T2K8M4Q7R0BVC")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Globals {
    /// The broker's URL; else $SEGURA_URL, else what `segura login` stored
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) url: Option<String>,
    /// Trust only the certificates in this PEM file; else $SEGURA_CA_CERT
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// The token to present, an operator's or a job's; else $SEGURA_TOKEN_FILE
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long to try to reach the broker, in all; else $SEGURA_TIMEOUT, else 30s
    #[arg(long, global = true, value_name = "TIME", help_heading = "Global options")]
    pub(crate) timeout: Option<Seconds>,
    /// Write JSON for machines to standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

/// The commands. A variant has no words of its own, here and below: they would stand in
/// the help for all that its arguments' type says, and not only for the first line.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Audit(audit::Args),
    Ca(ca::Args),
    Config(config::Args),
    Dev(dev::Args),
    Exec(exec::Args),
    Export(export::Args),
    Init(init::Args),
    Issuer(issuer::Args),
    Keyring(keyring::Args),
    Login(login::Args),
    Logout(logout::Args),
    Operator(operator::Args),
    Policy(policy::Args),
    Secret(secret::Args),
    Server(server::Args),
    Session(session::Args),
    Whoami(whoami::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every command and subcommand, by its full name.
    fn all() -> Vec<(String, clap::Command)> {
        let mut root = Cli::command();
        root.build();
        let mut open = vec![("segura".to_owned(), root)];
        let mut all = Vec::new();
        while let Some((name, command)) = open.pop() {
            let children = command.get_subcommands().filter(|child| child.get_name() != "help");
            open.extend(
                children.map(|child| (format!("{name} {}", child.get_name()), child.clone())),
            );
            all.push((name, command));
        }
        all
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example_that_names_its_command() {
        for (name, mut command) in all() {
            let help = command.render_long_help().to_string();
            let example = help.split("Example:\n").nth(1).unwrap_or_default();
            assert!(example.contains(&name), "`{name} --help` lacks an example:\n{help}");
        }
    }

    #[test]
    fn a_help_tells_all_that_is_written_of_its_command() {
        let all = all();
        for (name, words) in [
            ("segura exec", "126 or 127"),
            ("segura secret put", "standard input"),
            ("segura policy pin", "taken over"),
            ("segura init", "without a port"),
            ("segura operator add", "auditor, reads"),
            ("segura ca show", "Compare the fingerprint"),
        ] {
            let (_, command) = all.iter().find(|(known, _)| known == name).unwrap();
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains(words), "`{name} --help` does not say `{words}`:\n{help}");
        }
        for (name, command) in all {
            assert!(command.get_about().is_some(), "`{name}` has no line in the list");
        }
    }

    #[test]
    fn every_flag_says_what_it_does() {
        for (name, command) in all() {
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "`{name}` does not explain {}", arg.get_id());
            }
        }
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in [
            &["segura", "--json", "--url", "https://a", "operator", "ls"],
            &["segura", "operator", "ls", "--json", "--url", "https://a"],
        ] {
            let globals = Cli::try_parse_from(*line).unwrap().globals;
            assert!(globals.json);
            assert_eq!(globals.url.as_deref(), Some("https://a"));
        }
    }

    #[test]
    fn the_servers_own_urls_may_be_many() {
        let line = ["segura", "init", "--url", "https://a", "--url", "https://b"];
        let Command::Init(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("init was asked for");
        };
        assert!(format!("{args:?}").contains(r#"url: ["https://a", "https://b"]"#));
    }
}
